"""vLLM in place of our own generation, where it is installed and there is a GPU (Kwon et al. 2023).

Prompts go in as the same token ids, and new ids come back, so template, stop tokens and stop strings are what they are
everywhere else. Written against vLLM's documented interface (`LLM.generate`, `SamplingParams`, `LoRARequest`) and tested
with a double only.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import torch

from tunesmith.errors import MissingExtra, ModelError, ResourceError
from tunesmith.lm import Sampling
from tunesmith.model import adapters
from tunesmith.model.decode import row_seeds
from tunesmith.model.generate import LocalModel
from tunesmith.model.load import locate
from tunesmith.model.quantize import quantized_layers

Engine = Literal["auto", "transformers", "vllm"]
PROMPTS_PER_CALL = 256
"""vLLM hands over the answers of a call together, so this many are lost at most when an evaluation is killed."""


@dataclass(frozen=True)
class VllmModel(LocalModel):
    """A `LocalModel` whose answers vLLM writes. Likelihoods are computed by the model it is made from."""

    engine: Any = None
    lora: Any = None

    def _written(
        self, prompts: Sequence[Sequence[int]], rooms: Sequence[int], sampling: Sampling
    ) -> Iterator[tuple[int, list[int]]]:
        params = importlib.import_module("vllm").SamplingParams
        shared = {"temperature": sampling.temperature, "top_p": sampling.top_p, "stop": list(sampling.stop)}
        shared |= {"stop_token_ids": self.stop_token_ids(), "skip_special_tokens": True}
        seeds = row_seeds(prompts, sampling.seed)
        for start in range(0, len(prompts), PROMPTS_PER_CALL):
            places = range(start, min(start + PROMPTS_PER_CALL, len(prompts)))
            outputs = self.engine.generate(
                [{"prompt_token_ids": list(prompts[i])} for i in places],
                [params(max_tokens=rooms[i], seed=seeds[i], **shared) for i in places],
                lora_request=self.lora,
                use_tqdm=False,
            )
            yield from ((i, list(output.outputs[0].token_ids)) for i, output in zip(places, outputs, strict=True))


def with_engine(model: LocalModel, engine: Engine) -> LocalModel:
    """The model, its answers written by the engine asked for; `auto` takes vLLM where it can be had.

    vLLM opens the model a second time, on the GPU; the one given is best left on the CPU.

    Raises:
        MissingExtra: vLLM is asked for and not installed.
        ResourceError: it is asked for and there is no GPU.
        ModelError: it is asked for and does not know such a model.
    """
    if engine == "transformers":
        return model
    refusal = _refusal(model)
    if refusal is None:
        return _opened(model)
    if engine == "vllm":
        raise refusal
    return model


def _refusal(model: LocalModel) -> Exception | None:
    """Why vLLM cannot write the answers of a model, or None."""
    if importlib.util.find_spec("vllm") is None:
        return MissingExtra("evaluate.engine: vllm", "vllm", "vllm")
    if not _has_gpu():
        return ResourceError("evaluate.engine: vllm needs a GPU, and there is none. Set it to transformers or auto.")
    loaded = model.loaded
    is_lora = not adapters.names(loaded.model) or adapters.rank(loaded.model) is not None
    if loaded.kind != "causal" or not is_lora or quantized_layers(loaded.model) or loaded.new_token_ids:
        return ModelError(
            f"evaluate.engine: vllm answers for decoder-only models, whole or with a LoRA adapter, and not for {loaded.name_or_path}. "
            "Set it to transformers or auto."
        )
    return None


def _has_gpu() -> bool:
    return torch.cuda.is_available()


def _opened(model: LocalModel) -> VllmModel:
    vllm, loaded = importlib.import_module("vllm"), model.loaded
    folder, options, lora = locate(loaded.name_or_path), {}, None
    dtype = str(next(loaded.model.parameters()).dtype).removeprefix("torch.")
    if adapters.is_adapter(folder):
        options = {"enable_lora": True, "max_lora_rank": max(16, adapters.rank(loaded.model))}
        lora = importlib.import_module("vllm.lora.request").LoRARequest("tuned", 1, str(folder))
        folder = locate(adapters.base_of(Path(folder)).name_or_path)
    engine = vllm.LLM(
        model=str(folder),
        skip_tokenizer_init=False,
        dtype=dtype,
        max_model_len=loaded.context_length,
        seed=0,
        **options,
    )
    given = {field.name: getattr(model, field.name) for field in fields(LocalModel)}
    return VllmModel(**given, engine=engine, lora=lora)
