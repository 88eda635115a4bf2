"""Our answers and likelihoods beside those of transformers on a CPU: tokens a second, on the same prompts, with equal text.

    python benchmarks/evaluation.py --rows FILE [--model NAME_OR_DIR] [--num-prompts 64] [--max-new-tokens 96] [--json]
    python benchmarks/evaluation.py --rows FILE --model DIR --likelihood      four choices behind a long context
    python benchmarks/evaluation.py --rows FILE --model DIR --memory          peak memory of long prompts, in a process of its own

Each way answers the same prompts greedily in float32, after two prompts to warm up, and its new ids must be the others',
one by one. A model that never stops (a random one) would make every batch look alike, so some of its own ids are taken
for ends, the same for every way: those that make its answers of the most different lengths.

    generate/8        transformers' generate in batches of 8, in the order of the file
    generate/sorted   the same, prompts sorted by length
    generate_batch    transformers' continuous batching, where it runs
    ours              `LocalModel`
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from transformers import GenerationConfig
from transformers.generation.configuration_utils import ContinuousBatchingConfig

from tunesmith.curation.sources import read_records
from tunesmith.lm import Sampling
from tunesmith.model.decode import PREFILL_TOKENS, padded
from tunesmith.model.generate import LocalModel
from tunesmith.progress import SilentProgress
from tunesmith.recipe import ModelSection
from tunesmith.records import Message
from tunesmith.workflows.opening import open_model

RSS_UNIT = 1 if sys.platform == "darwin" else 1024
NUM_TRIES = 200
Answers = list[list[int]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", help="records whose prompts are asked")
    parser.add_argument("--model", default="tunesmith/tiny-gpt")
    parser.add_argument("--template", default="auto")
    parser.add_argument("--num-prompts", type=int, default=64)
    parser.add_argument("--max-new-tokens", type=int, default=96)
    parser.add_argument("--max-prompt-tokens", type=int, default=400)
    parser.add_argument("--batch-size", type=int, default=32, help="rows of ours under way at a time, at most")
    parser.add_argument("--ways", default=",".join(WAYS), help="some of them, separated by commas")
    parser.add_argument("--likelihood", action="store_true")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.memory:
        found = peak_memory(options)
    else:
        model = _open(options)
        found = (likelihood if options.likelihood else generation)(model, options)
    print(json.dumps(found, indent=2) if options.json else _told(found))


def _open(options: argparse.Namespace) -> LocalModel:
    section = ModelSection(name_or_path=options.model)
    model = open_model(section, options.template, console=SilentProgress(), batch_size=options.batch_size)
    model.loaded.model.float()
    return model


def _prompts(model: LocalModel, options: argparse.Namespace) -> Answers:
    """Token ids of the first prompts of the file that are short enough."""
    records, _, _ = read_records(options.rows, require_answer=False)
    limit = options.max_prompt_tokens
    room = (model.loaded.context_length or 2**20) - options.max_new_tokens
    ids = model.prompt_ids([record.prompt for record in records[: 8 * options.num_prompts]])
    return [prompt for prompt in ids if len(prompt) <= min(limit, room)][: options.num_prompts]


# -- answers -----------------------------------------------------------------------------------------------------------


def generation(model: LocalModel, options: argparse.Namespace) -> dict[str, Any]:
    """Seconds and new tokens a second of each way."""
    prompts = _prompts(model, options)
    ends = _ends(model, prompts, options.max_new_tokens)
    model.loaded.model.generation_config.eos_token_id = ends
    rows, reference = {}, None
    for way in options.ways.split(","):
        answer = WAYS[way]
        try:
            answer(model, prompts[:2], 2, ends)
            started, cpu = time.perf_counter(), time.process_time()
            answers = [_cut(ids, ends) for ids in answer(model, prompts, options.max_new_tokens, ends)]
        except Exception as error:  # noqa: BLE001 - a way that does not run here is a finding
            rows[way] = {"failed": f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"}
            continue
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        reference = reference if reference is not None else answers
        num_tokens = sum(map(len, answers))
        rows[way] = {"seconds": seconds, "cpu_s": cpu, "tokens_per_second": num_tokens / seconds}
        rows[way]["answers_unlike_the_first"] = sum(a != b for a, b in zip(answers, reference, strict=True))
    lengths = [len(ids) for ids in reference or ()]
    spread = {"mean": statistics.mean(lengths), "min": min(lengths), "max": max(lengths)} if lengths else {}
    return {
        "model": options.model, "num_prompts": len(prompts), "prompt_tokens": statistics.mean(map(len, prompts)),
        "answer_tokens": spread, "max_new_tokens": options.max_new_tokens, "batch_size_of_ours": options.batch_size,
        "threads": torch.get_num_threads(), "ways": rows,
    }  # fmt: skip


def _ends(model: LocalModel, prompts: Answers, max_new_tokens: int) -> list[int]:
    """Ids at which answers end: the model's own, and others of its answers where those make lengths more different."""
    own = model.stop_token_ids()
    answers = _ours(model, prompts, max_new_tokens, own)
    tokens = sorted({token for ids in answers for token in ids} - set(own))
    choose = random.Random(0)

    def spread(ends: Sequence[int]) -> float:
        return statistics.pstdev([len(_cut(ids, ends)) for ids in answers])

    tried = [[*own, *choose.sample(tokens, choose.randint(1, min(len(tokens), 40)))] for _ in range(NUM_TRIES)]
    return max([own, *tried], key=spread)


def _cut(ids: Sequence[int], ends: Sequence[int]) -> list[int]:
    """The ids up to the first end, which is part of them."""
    last = next((place for place, token in enumerate(ids) if token in ends), len(ids) - 1)
    return list(ids[: last + 1])


def _generated(model: LocalModel, prompts: Answers, max_new_tokens: int, ends: Sequence[int]) -> Answers:
    loaded = model.loaded
    ids, mask = padded(prompts, loaded.pad_token_id, in_front=loaded.kind == "causal")
    config = GenerationConfig(
        max_new_tokens=max_new_tokens, do_sample=False, eos_token_id=list(ends), pad_token_id=loaded.pad_token_id,
        decoder_start_token_id=loaded.decoder_start_token_id,
    )  # fmt: skip
    with torch.inference_mode():
        found = loaded.model.generate(input_ids=ids, attention_mask=mask, generation_config=config)
    return found[:, ids.shape[1] if loaded.kind == "causal" else 1 :].tolist()


def _in_order(model: LocalModel, prompts: Answers, max_new_tokens: int, ends: Sequence[int]) -> Answers:
    starts = range(0, len(prompts), 8)
    return [ids for start in starts for ids in _generated(model, prompts[start : start + 8], max_new_tokens, ends)]


def _sorted(model: LocalModel, prompts: Answers, max_new_tokens: int, ends: Sequence[int]) -> Answers:
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    answers = _in_order(model, [prompts[i] for i in order], max_new_tokens, ends)
    return [ids for _, ids in sorted(zip(order, answers, strict=True))]


def _continuous(model: LocalModel, prompts: Answers, max_new_tokens: int, ends: Sequence[int]) -> Answers:
    loaded = model.loaded
    config = GenerationConfig(
        max_new_tokens=max_new_tokens, do_sample=False, eos_token_id=list(ends), pad_token_id=loaded.pad_token_id
    )
    # Its own choice of sizes follows the machine's memory, and does not come back here; this is room for all at once.
    pages = sum(-(-(len(prompt) + max_new_tokens) // 32) for prompt in prompts) + 8
    sizes = ContinuousBatchingConfig(page_size=32, num_blocks=pages, max_batch_tokens=PREFILL_TOKENS)
    with torch.inference_mode():
        outputs = loaded.model.generate_batch(
            inputs=prompts, generation_config=config, continuous_batching_config=sizes, warmup=False
        )
    found = {tuple(output.prompt_ids): output.generated_tokens for output in outputs.values()}
    return [list(found[tuple(prompt)]) for prompt in prompts]


def _ours(model: LocalModel, prompts: Answers, max_new_tokens: int, ends: Sequence[int]) -> Answers:
    return [
        ids for _, ids in sorted(model._written(prompts, [max_new_tokens] * len(prompts), Sampling(max_new_tokens)))
    ]


WAYS: dict[str, Callable[[LocalModel, Answers, int, Sequence[int]], Answers]] = {
    "generate/8": _in_order,
    "generate/sorted": _sorted,
    "generate_batch": _continuous,
    "ours": _ours,
}


# -- likelihoods, memory -----------------------------------------------------------------------------------------------


def likelihood(model: LocalModel, options: argparse.Namespace) -> dict[str, Any]:
    """Seconds for four choices behind each prompt, which is read once, and read again with each of them."""
    records, _, _ = read_records(options.rows, require_answer=True)
    texts = [
        " ".join(message.content for record in records[i : i + 4] for message in record.messages)
        for i in range(0, 4 * options.num_prompts, 4)
    ]
    contexts = [(Message("user", text[: 4 * options.max_prompt_tokens]),) for text in texts]
    choices = [record.answer[:40] for record in records[:4]]
    found: dict[str, Any] = {"model": options.model, "num_contexts": len(contexts), "num_choices": len(choices)}
    found["context_tokens"] = statistics.mean(map(len, model.prompt_ids(contexts)))
    alone = replace(model)
    vars(alone)["_decoder"] = None  # every choice is read with its context, in batches of like length
    values = {}
    for name, way in (("read again", alone), ("read once", model)):
        way.loglikelihoods([(contexts[0], choices[:2])])
        started = time.perf_counter()
        values[name] = way.loglikelihoods([(context, choices) for context in contexts])
        found[name] = {"seconds": time.perf_counter() - started}
    pairs = zip(values["read again"], values["read once"], strict=True)
    found["largest_difference"] = max(abs(a - b) for one, other in pairs for a, b in zip(one, other, strict=True))
    return found


def peak_memory(options: argparse.Namespace) -> dict[str, Any]:
    """Peak memory of the process with the model alone, and after answering."""
    model = _open(options)
    prompts = _prompts(model, options)
    _ours(model, prompts[:1], 2, model.stop_token_ids())
    before = _peak_mib()
    _ours(model, prompts, options.max_new_tokens, model.stop_token_ids())
    found = {"model": options.model, "num_prompts": len(prompts), "prompt_tokens": statistics.mean(map(len, prompts))}
    return found | {"peak_mib_model": before, "peak_mib": _peak_mib(), "cache_mib": model.cache_bytes / 2**20}


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT / 2**20


def _told(found: dict[str, Any]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in found.items())


if __name__ == "__main__":
    main()
