"""vLLM as an engine: the same ids in, new ids out. vLLM itself is a double with its documented interface."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace

import pytest

from tests.model.test_generate import answering, conversations
from tests.models import save_tiny
from tunesmith.errors import MissingExtra, ModelError, ResourceError
from tunesmith.lm import Sampling
from tunesmith.model import adapters, vllm_engine
from tunesmith.model.generate import LocalModel
from tunesmith.model.load import load_model, save_model
from tunesmith.model.probe import probe
from tunesmith.model.vllm_engine import VllmModel, with_engine
from tunesmith.recipe import LoraSection, ModelSection
from tunesmith.rendering.templates import load_template


@dataclass
class SamplingParams:
    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int | None = 16
    seed: int | None = None
    stop: list[str] | None = None
    stop_token_ids: list[int] | None = None
    skip_special_tokens: bool = True


@dataclass
class LoRARequest:
    lora_name: str
    lora_int_id: int
    lora_path: str


@dataclass
class LLM:
    """Answers with what the model behind it writes; remembers what it was given."""

    model: str
    skip_tokenizer_init: bool
    dtype: str
    max_model_len: int | None
    seed: int
    enable_lora: bool = False
    max_lora_rank: int = 16
    asked: list = field(default_factory=list)

    def generate(self, prompts, sampling_params, *, use_tqdm, lora_request=None):
        self.asked.append((prompts, sampling_params, lora_request))
        ids = [prompt["prompt_token_ids"] for prompt in prompts]
        rooms = [params.max_tokens for params in sampling_params]
        sampling = Sampling(max(rooms), stop=tuple(sampling_params[0].stop))
        answers = sorted(LLM.behind._written(ids, rooms, sampling))
        return [SimpleNamespace(outputs=[SimpleNamespace(token_ids=tuple(new))]) for _, new in answers]


@pytest.fixture
def vllm(monkeypatch):
    """A vLLM that is installed, on a machine with a GPU."""
    module, lora, request = ModuleType("vllm"), ModuleType("vllm.lora"), ModuleType("vllm.lora.request")
    module.LLM, module.SamplingParams, request.LoRARequest = LLM, SamplingParams, LoRARequest
    module.__spec__ = ModuleSpec("vllm", None)
    for name, part in (("vllm", module), ("vllm.lora", lora), ("vllm.lora.request", request)):
        monkeypatch.setitem(sys.modules, name, part)
    monkeypatch.setattr(vllm_engine, "_has_gpu", lambda: True)


@pytest.fixture(scope="module")
def local(tmp_path_factory) -> LocalModel:
    return answering(save_tiny("llama", tmp_path_factory.mktemp("sharp") / "llama", scale=3.0))


def test_answers_are_those_of_the_same_ids_cut_as_everywhere(vllm, local, monkeypatch):
    monkeypatch.setattr(vllm_engine, "PROMPTS_PER_CALL", 5)
    monkeypatch.setattr(LLM, "behind", local, raising=False)
    model = with_engine(local, "auto")
    assert isinstance(model, VllmModel) and model.engine.model == local.loaded.name_or_path
    asked, told = conversations(8), {}
    [whole] = local.generate(asked[-1:], Sampling(max_new_tokens=12))
    sampling = Sampling(max_new_tokens=12, stop=(whole.text[3:5],))
    answers = model.generate(asked, sampling, on_answer=told.__setitem__)
    assert answers == local.generate(asked, sampling) and told == dict(enumerate(answers))
    assert [len(prompts) for prompts, *_ in model.engine.asked] == [5, 3]
    prompts, [params, *_], lora = model.engine.asked[0]
    assert prompts[0] == {"prompt_token_ids": local.prompt_ids(asked)[0]} and lora is None
    assert (params.temperature, params.max_tokens, params.stop) == (0.0, 12, [whole.text[3:5]])
    assert params.stop_token_ids == local.stop_token_ids()


def test_the_same_prompt_asked_twice_is_drawn_with_two_seeds(vllm, local, monkeypatch):
    monkeypatch.setattr(LLM, "behind", local, raising=False)
    model = with_engine(local, "vllm")
    model.generate(conversations(2)[-1:] * 2, Sampling(max_new_tokens=2, temperature=0.7, seed=3))
    [(_, [first, second], _)] = model.engine.asked
    assert first.seed != second.seed and first.temperature == 0.7


def test_an_adapter_is_asked_for_on_its_base(vllm, local, tmp_path, monkeypatch):
    folder = save_tiny("llama", tmp_path / "base", scale=3.0)
    loaded = load_model(ModelSection(name_or_path=str(folder)))
    tuned = adapters.attach(loaded.model, LoraSection(method="lora", r=4))
    save_model(tuned, loaded.tokenizer, tmp_path / "tuned")
    again = load_model(ModelSection(name_or_path=str(tmp_path / "tuned")))
    model = LocalModel(again, load_template("plain", tokenizer=again.tokenizer), probe(again))
    monkeypatch.setattr(LLM, "behind", model, raising=False)
    engine = with_engine(model, "vllm")
    assert engine.engine.model == str(folder) and engine.engine.enable_lora
    engine.generate(conversations(2), Sampling(max_new_tokens=2))
    assert engine.engine.asked[0][2] == LoRARequest("tuned", 1, str(tmp_path / "tuned"))


def test_where_it_cannot_be_had_auto_goes_without_and_vllm_says_why(vllm, local, tmp_path, monkeypatch):
    seq2seq = answering(save_tiny("t5", tmp_path))
    assert with_engine(seq2seq, "auto") is seq2seq
    with pytest.raises(ModelError, match="vllm answers for decoder-only models, whole or with a LoRA adapter"):
        with_engine(seq2seq, "vllm")
    monkeypatch.setattr(vllm_engine, "_has_gpu", lambda: False)
    assert with_engine(local, "auto") is local
    with pytest.raises(ResourceError, match="needs a GPU, and there is none. Set it to transformers or auto."):
        with_engine(local, "vllm")


def test_without_the_package_auto_goes_without_and_vllm_names_the_extra(local):
    assert with_engine(local, "auto") is local and with_engine(local, "transformers") is local
    with pytest.raises(
        MissingExtra, match=r"needs the package `vllm`. Install it with: pip install 'tunesmith\[vllm\]'"
    ):
        with_engine(local, "vllm")
