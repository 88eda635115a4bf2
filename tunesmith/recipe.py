"""The recipe: one YAML file that says everything a run does, one section per step.

A function receives its section, never the whole `Recipe`. Unknown keys are errors with the nearest name; every problem
is told at once; the names other tools use for the same thing are accepted with one printed notice.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tunesmith.aliases import Fields
from tunesmith.validation import FieldError

Quantization = Literal["nf4", "int8"]
"""How frozen weights are stored by bitsandbytes: 4-bit NormalFloat, or 8-bit integers."""


class Section(BaseModel):
    """A frozen part of a recipe. Numbers may be written as text (YAML reads ``2e-4`` as text)."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ModelSection(Section):
    """Which model to start from."""

    name_or_path: str = Field(
        description="Local folder, finished run, built-in name (tunesmith/tiny-gpt, tunesmith/tiny-t5) or hub id."
    )
    revision: str | None = Field(None, description="Branch, tag or commit of a hub model.")
    trust_remote_code: bool = Field(
        False, description="Run Python code that comes with the model. Off unless you trust it."
    )
    add_tokens: tuple[str, ...] = Field(
        (), description="Tokens to add to the vocabulary; they begin at the mean of the others and are trained."
    )

    @model_validator(mode="after")
    def _tokens_are_text(self) -> Self:
        wrong = [token for token in self.add_tokens if not token.strip() or self.add_tokens.count(token) > 1]
        if wrong:
            where = ("add_tokens", self.add_tokens.index(wrong[0]))
            raise FieldError(where, f"{wrong[0]!r} is empty or there twice. Leave it out.")
        return self


class Source(Section):
    """One place rows come from."""

    path: str = Field(description="File, glob, folder or Hugging Face dataset id.")
    weight: float = Field(
        1.0,
        gt=0,
        description="How often each record of it is seen per epoch; 0.5 takes every second one, 2 takes each twice.",
    )
    split: Literal["train", "validation", "test"] | None = Field(
        None, description="Put every row of it into this split; by default rows are split at random."
    )
    columns: dict[str, str] = Field(
        {},
        description="Our name (instruction, input, output, system, task …) to the file's, where it is not seen.",
    )
    task: str | None = Field(None, description="Task name for all its records.")
    license: str | None = Field(
        None,
        description="Under what terms it may be used, such as CC-BY-4.0; told on the card. Rows may name their own.",
    )
    hub_split: str = Field("train", description="Which split of a Hugging Face dataset to read.")
    hub_config: str | None = Field(None, description="Which configuration of a Hugging Face dataset to read.")


class DataSection(Section):
    """Where rows come from, and how they are divided."""

    sources: tuple[Source, ...] = Field(min_length=1, description="Paths, or {path, weight, split, columns, task}.")
    on_bad_row: Literal["drop", "raise"] = Field(
        "drop", description="Drop a bad row, counted and listed in data/dropped.jsonl, or stop at it."
    )
    max_records: int | None = Field(
        None, ge=1, description="Use at most this many records, chosen at random by data.seed."
    )
    validation_fraction: float = Field(
        0.05, ge=0, lt=1, description="Share of the records held out for the validation loss."
    )
    test_fraction: float = Field(
        0.1, ge=0, lt=1, description="Share of the records held out to compare base and tuned."
    )
    seed: int = Field(0, ge=0, description="Decides the split and the choice of records.")
    num_workers: int | None = Field(
        None,
        ge=1,
        description="Processes that clean the rows of large sources; by default one per core. The result is the same.",
    )

    @model_validator(mode="before")
    @classmethod
    def _paths_are_sources(cls, values: Any) -> Any:
        if isinstance(values, dict) and isinstance(values.get("sources"), (str, list)):
            listed = values["sources"] if isinstance(values["sources"], list) else [values["sources"]]
            values = {**values, "sources": [{"path": item} if isinstance(item, str) else item for item in listed]}
        return values

    @model_validator(mode="after")
    def _something_is_left_to_train_on(self) -> DataSection:
        if self.validation_fraction + self.test_fraction >= 1:
            raise ValueError("validation_fraction + test_fraction must be below 1, or nothing is left to train on.")
        return self


class TemplateSection(Section):
    """How a conversation becomes text."""

    name: str = Field(
        "auto",
        description="auto (the model's own, else plain; bare for T5 and its like), own, chatml, alpaca, plain, inline, bare, or a .jinja file.",
    )
    num_shots: int = Field(0, ge=0, description="Worked examples put before each request: 0, 1 or k.")


class Method(Section):
    """What every tuning method says of itself.

    ``usual_learning_rate`` is the peak rate where the recipe names none; ``quantization`` is how the frozen base is stored.
    """

    usual_learning_rate: ClassVar[float]
    quantization: ClassVar[Quantization | None] = None
    method: str


class FullSection(Method):
    """Train every weight."""

    usual_learning_rate: ClassVar[float] = 2e-5
    method: Literal["full"] = "full"


class LowRank(Method):
    """Low-rank updates (Hu et al. 2021) beside the frozen linear layers."""

    usual_learning_rate: ClassVar[float] = 2e-4  # Dettmers et al. 2023
    r: int = Field(16, ge=1, description="Rank of the update.")
    lora_alpha: float = Field(32, gt=0, description="Scale: the update is multiplied by lora_alpha / r.")
    lora_dropout: float = Field(0.0, ge=0, lt=1, description="Dropout before the low-rank branch.")
    target_modules: str | tuple[str, ...] = Field(
        "all-linear", description="all-linear, or names of the layers to adapt."
    )
    use_rslora: bool = Field(False, description="Multiply by lora_alpha / √r instead (Kalajdzievski 2023).")
    use_dora: bool = Field(
        False, description="Learn the length of each output's weights apart from their direction (Liu et al. 2024)."
    )

    @model_validator(mode="after")
    def _something_is_adapted(self) -> Self:
        if not self.target_modules:
            raise FieldError(
                ("target_modules",), "it is empty, so nothing would be trained. Say all-linear, or name layers."
            )
        return self


class LoraSection(LowRank):
    """Low-rank adapters (Hu et al. 2021) beside the frozen linear layers."""

    method: Literal["lora"]


class QloraSection(LowRank):
    """Low-rank adapters beside a base in 4 bits: NF4 with double quantization (Dettmers et al. 2023)."""

    quantization: ClassVar[Quantization | None] = "nf4"
    method: Literal["qlora"]


class Lora8bitSection(LowRank):
    """Low-rank adapters beside a base in 8 bits (LLM.int8, Dettmers et al. 2022)."""

    quantization: ClassVar[Quantization | None] = "int8"
    method: Literal["lora-8bit"]


class PrefixSection(Method):
    """Prefix tuning (Li and Liang 2021): learned keys and values in front of every layer's own."""

    usual_learning_rate: ClassVar[float] = 1e-2
    method: Literal["prefix"]
    num_virtual_tokens: int = Field(20, ge=1, description="How many are learned; the model's context shrinks by them.")


class PromptSection(Method):
    """Prompt tuning (Lester et al. 2021): learned embeddings in front of the input."""

    usual_learning_rate: ClassVar[float] = 3e-2
    method: Literal["prompt"]
    num_virtual_tokens: int = Field(20, ge=1, description="How many are learned; the model's context shrinks by them.")


class BottleneckSection(Method):
    """Adapter layers: a bottleneck behind the sub-layers of every block (Houlsby et al. 2019, Pfeiffer et al. 2021)."""

    usual_learning_rate: ClassVar[float] = 1e-3  # Houlsby et al. 2019 tried 3e-5 to 3e-3
    method: Literal["bottleneck"]
    variant: Literal["pfeiffer", "houlsby"] = Field(
        "pfeiffer",
        description="pfeiffer: one behind each feed-forward layer; houlsby: one behind each self-attention too, and norms"
        " are trained.",
    )
    bottleneck_size: int | None = Field(
        None, ge=1, description="Width of the bottleneck; by default the model's width divided by reduction_factor."
    )
    reduction_factor: float = Field(16, ge=1, description="The model's width divided by the bottleneck's.")
    activation: Literal["relu", "gelu", "silu", "tanh"] = Field("relu", description="Between down and up.")


AdapterSection = Annotated[
    FullSection | LoraSection | QloraSection | Lora8bitSection | PrefixSection | PromptSection | BottleneckSection,
    Field(discriminator="method"),
]


OptimizerName = Literal["adamw", "adamw_8bit", "adafactor", "muon", "schedule_free"]
PositiveWeight = Annotated[float, Field(gt=0)]


class TrainSection(Section):
    """The training loop."""

    objective: Literal["sft"] = Field(
        "sft", description="What is optimized: sft is next-token cross-entropy on the answers."
    )
    num_train_epochs: float = Field(1.0, gt=0, description="Passes over the training records.")
    max_steps: int | None = Field(
        None, ge=1, description="Stop after this many optimizer steps, whatever the epochs say."
    )
    per_device_train_batch_size: int = Field(8, ge=1, description="Records per micro-batch.")
    gradient_accumulation_steps: int = Field(1, ge=1, description="Micro-batches per optimizer step.")
    max_length: int = Field(1024, ge=8, description="Longest record, in tokens.")
    over_length: Literal["drop", "truncate", "raise"] = Field("drop", description="What happens to a longer one.")
    packing: bool = Field(False, description="Let short records share a row, each seeing only itself.")
    optimizer: OptimizerName = Field(
        "adamw",
        description="adamw; adamw_8bit or adafactor, which remember in a quarter of the memory and hardly any; muon: for full"
        " tuning, often in fewer steps; schedule_free: averages the weights and needs no learning rate schedule.",
    )
    learning_rate: float | None = Field(
        None,
        gt=0,
        description="Peak learning rate; by default what suits the method, such as 2e-4 for lora and 2e-5 for full.",
    )
    lr_scheduler_type: Literal["cosine", "linear", "constant"] | None = Field(
        None, description="Shape after the warm-up; by default cosine, with schedule_free constant."
    )
    warmup_ratio: float = Field(0.03, ge=0, lt=1, description="Share of the steps in which the rate rises from 0.")
    weight_decay: float = Field(0.0, ge=0, description="Decoupled decay, on weight matrices only.")
    max_grad_norm: float = Field(1.0, ge=0, description="Clip the gradient to this norm; 0 leaves it as it is.")
    precision: Literal["fp32", "bf16"] = Field("fp32", description="fp32, or a bf16 compute copy with fp32 masters.")
    gradient_checkpointing: bool = Field(
        False, description="Compute each layer a second time instead of keeping it: slower, in less memory."
    )
    freeze: tuple[str, ...] = Field(
        (), description="Layers or weights that stay as they are, e.g. [embed_tokens, 'layers.[0-5]']."
    )
    task_weights: dict[str, PositiveWeight] = Field(
        {}, description="How much each supervised token of a task counts, e.g. {qa: 2.0}; of all others 1."
    )
    label_smoothing_factor: float = Field(
        0.0, ge=0, lt=1, description="Share of a target's probability that is spread evenly over the vocabulary."
    )
    neftune_noise_alpha: float | None = Field(
        None, gt=0, description="Noise on the input embeddings in training (NEFTune), such as 5; by default none."
    )
    ema_decay: float | None = Field(
        None, gt=0, lt=1, description="Keep and measure the moving average of the weights, such as 0.999."
    )
    logging_steps: int = Field(10, ge=1, description="Write a line to metrics.jsonl every so many steps.")
    eval_steps: int | None = Field(
        None, ge=1, description="Measure the validation loss every so many steps; by default at the end of each epoch."
    )
    save_steps: int | None = Field(
        None, ge=1, description="Write a checkpoint every so many steps; by default at the end of each epoch."
    )
    early_stopping_patience: int | None = Field(
        None, ge=1, description="Stop after this many validations without a better loss, and keep the best weights."
    )
    metric_for_best_model: str | None = Field(
        None,
        description="Stop and keep by what evaluate.every_steps measures instead of the validation loss, e.g."
        " own_exact_match or general_bits_per_byte.",
    )
    num_threads: int | None = Field(
        None,
        ge=1,
        description="Threads of the processor; by default what is fastest on a short pass, or OMP_NUM_THREADS.",
    )
    seed: int = Field(0, ge=0, description="Decides initial adapter weights, dropout and the order of the records.")

    @model_validator(mode="after")
    def _schedule_free_averages_instead(self) -> TrainSection:
        """Schedule-free takes no schedule and no second average; the shape that is not said is written out."""
        is_free = self.optimizer == "schedule_free"
        if is_free and self.lr_scheduler_type not in (None, "constant"):
            raise FieldError(
                ("lr_scheduler_type",),
                f"optimizer schedule_free needs none, got {self.lr_scheduler_type}. Leave it out.",
            )
        if is_free and self.ema_decay is not None:
            raise FieldError(("ema_decay",), "optimizer schedule_free averages the weights itself. Leave it out.")
        if self.lr_scheduler_type is None:
            object.__setattr__(self, "lr_scheduler_type", "constant" if is_free else "cosine")
        return self


NumShots = Annotated[int, Field(ge=0)]


class EvaluateSection(Section):
    """The comparison of base and tuned."""

    tasks: tuple[str, ...] = Field((), description="Files to be tested on besides the run's own test split.")
    suites: tuple[str, ...] = Field(
        ("own",),
        min_length=1,
        description="What is asked: own (the tests above), instructions, consistency, general, shots; or quick, or full.",
    )
    metric: str | None = Field(
        None,
        description="Metric of the headline, e.g. verbatim_match where case and punctuation count; by default it"
        " follows from the answers: accuracy for labels, exact_match for short ones, else rougeL.",
    )
    metrics: dict[str, tuple[str, ...]] = Field(
        {},
        description="The metrics a task shows: {TASK, the stem of a file, a suite or '*': [names]}; by default they follow"
        " from what is asked.",
    )
    run_code: bool = Field(
        False, description="Run programs that a model wrote, to score them; in a process of their own with limits."
    )
    max_samples: int | None = Field(200, ge=1, description="At most this many samples per task, chosen by data.seed.")
    max_new_tokens: int = Field(128, ge=1, description="Longest answer, in tokens.")
    batch_size: int = Field(32, ge=1, description="Answers written at a time, at most.")
    engine: Literal["auto", "transformers", "vllm"] = Field(
        "auto", description="What writes the answers; auto takes vllm where it is installed and there is a GPU."
    )
    base_num_shots: tuple[int, ...] = Field(
        (0,), description="Prompt the base model with so many worked examples too, e.g. [0, 3]."
    )
    num_shots: tuple[NumShots, ...] = Field(
        (0, 1, 3, 5),
        min_length=1,
        description="Of the suite shots: with how many worked examples each question is asked.",
    )
    phrasings: tuple[str, ...] = Field(
        (),
        description="Of the suite consistency: wordings of your own, e.g. ['Hello! {prompt}']; {prompt} is the request.",
    )
    rephrase_with: str | None = Field(
        None, description="Of the suite consistency: a model that rephrases too, a folder, hub id or openai:MODEL@URL."
    )
    general: str | None = Field(
        None,
        description="Of the suite general: a text or JSONL file of yours; by default plain English that comes along.",
    )

    every_steps: int | None = Field(
        None,
        ge=1,
        description="Ask the suites during training too, every so many steps; for own of validation records.",
    )
    during_samples: int = Field(32, ge=1, description="During training, about so many questions of each suite.")

    @model_validator(mode="after")
    def _phrasings_hold_the_request(self) -> Self:
        for index, phrasing in enumerate(self.phrasings):
            if "{prompt}" not in phrasing:
                where = ("phrasings", index)
                raise FieldError(where, f"{phrasing!r} does not say where the request stands. Write {{prompt}} in it.")
        return self


Curate = Literal["none", "basic", "default"] | tuple[str | dict[str, Any], ...]


class Recipe(Section):
    """Everything a run does."""

    model: ModelSection
    data: DataSection
    curate: Curate = Field("basic", description="none, basic, default, or a list of stages; default may stand in it.")
    template: TemplateSection = TemplateSection()
    adapter: AdapterSection = FullSection()
    train: TrainSection = TrainSection()
    evaluate: EvaluateSection = EvaluateSection()
    output_dir: str | None = Field(None, description="The run folder; by default runs/ and the name of the recipe.")

    @model_validator(mode="after")
    def _what_is_kept_is_measured(self) -> Recipe:
        train, where = self.train, ("train", "metric_for_best_model")
        if train.metric_for_best_model is not None and self.evaluate.every_steps is None:
            raise FieldError(where, "it is measured while training. Say evaluate.every_steps too, such as 100.")
        if train.metric_for_best_model is not None and train.early_stopping_patience is None:
            raise FieldError(where, "it decides when to stop. Say train.early_stopping_patience too, such as 3.")
        return self

    @model_validator(mode="after")
    def _learning_rate_of_the_method(self) -> Recipe:
        """The default that hangs on another section, written out like every other."""
        if self.train.learning_rate is None:
            train = self.train.model_copy(update={"learning_rate": self.adapter.usual_learning_rate})
            object.__setattr__(self, "train", train)  # the model is frozen, and not yet anybody's
        return self


ADAPTERS: tuple[type[Section], ...] = get_args(get_args(AdapterSection)[0])
SECTIONS: dict[str, tuple[type[Section], ...]] = {
    "model": (ModelSection,),
    "data": (DataSection,),
    "template": (TemplateSection,),
    "adapter": ADAPTERS,
    "train": (TrainSection,),
    "evaluate": (EvaluateSection,),
}
FIELDS: Fields = {
    name: frozenset(field for model in SECTIONS.get(name, ()) for field in model.model_fields)
    for name in Recipe.model_fields
}
