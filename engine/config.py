"""A run's configuration: frozen, complete and valid by construction; TOML in and out.

A preset, a file given on the command line and the `config.toml` of a run folder are the same thing: one table a
section, every key optional in a file a person writes, every key present in a file that we write.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, Self, get_type_hints

import tomli_w

from .fault_config import FaultConfig
from .lesson import Lesson
from .optimizers import OptimizerKind
from .schedule import ScheduleConfig
from .toml_tables import ConfigError, between, build, read_toml, require, toml_value
from .vocabulary import VOCABULARY


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    path: str = "stdlib"
    """A file or a folder of text; `stdlib` is the running Python's own standard library."""
    glob: str = "**/*.py"
    """Which files of a folder are read."""
    max_bytes: int = 8_000_000
    """Reading stops here, so that starting is fast whatever the folder's size."""
    validation_share: float = 0.1
    """The tail of the text that is held out."""

    def __post_init__(self) -> None:
        require(bool(self.path), "data.path", self.path, 'must name a file or a folder, or be "stdlib"')
        require(bool(self.glob), "data.glob", self.glob, 'must be a pattern such as "**/*.py"')
        between("data.max_bytes", self.max_bytes, 1_000, 4_000_000_000)
        between("data.validation_share", self.validation_share, 0.01, 0.5)


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    layers: int = 2
    heads: int = 2
    width: int = 64
    """Size of the residual stream, shared out among the heads."""
    context: int = 64
    """Tokens a sequence."""
    dropout: float = 0.0
    embeddings: Literal["tied", "untied"] = "tied"
    positions: Literal["learned", "rotary"] = "learned"
    norm: Literal["layernorm", "rmsnorm"] = "layernorm"
    activation: Literal["gelu", "swiglu"] = "gelu"
    init_scale: float = 1.0
    """Times the usual standard deviation of 0.02 (Radford et al. 2019)."""

    def __post_init__(self) -> None:
        between("model.layers", self.layers, 1, 128)
        between("model.heads", self.heads, 1, 256)
        between("model.width", self.width, 2, 16_384)
        between("model.context", self.context, 2, 65_536)
        require(0 <= self.dropout < 1, "model.dropout", self.dropout, "must be at least 0 and below 1")
        between("model.init_scale", self.init_scale, 0.0, 1_000.0)
        require(
            self.width % self.heads == 0,
            "model.width",
            self.width,
            f"cannot be shared by model.heads = {self.heads}; the next width that can is "
            f"{(self.width // self.heads + 1) * self.heads}",
        )
        require(
            self.positions == "learned" or (self.width // self.heads) % 2 == 0,
            "model.positions",
            self.positions,
            f"rotates pairs, and model.width / model.heads = {self.width // self.heads} is odd; make it even",
        )


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    kind: OptimizerKind = "adamw"
    momentum: float = 0.9
    """For `momentum` only."""
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.01
    """On matrices; vectors (norms, biases) are not decayed. L2 for sgd, momentum and adam, decoupled for adamw."""
    bias_correction: bool = True
    """Adam's correction of its zero-initialised moments."""
    clip: float = 5.0
    """Largest gradient norm; `inf` does not clip."""

    def __post_init__(self) -> None:
        for key in ("momentum", "beta1", "beta2"):
            value = getattr(self, key)
            require(0 <= value < 1, f"optimizer.{key}", value, "must be at least 0 and below 1")
        require(0 < self.eps < 1, "optimizer.eps", self.eps, "must be above 0 and below 1")
        between("optimizer.weight_decay", self.weight_decay, 0.0, 1_000.0)
        require(self.clip > 0, "optimizer.clip", self.clip, "must be above 0; inf switches clipping off")


MOST_THREADS = 1024
MOST_PROCESSES = 64


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    steps: int = 1000
    batch: int = 4
    """Sequences a forward pass."""
    accumulation: int = 1
    """Forward passes an optimizer step."""
    seed: int = 0
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    threads: int | Literal["auto"] = "auto"
    """Of each process."""
    processes: int = 1
    """That share the rows of each batch; on GPUs each has one of its own."""
    compile: bool | Literal["auto"] = "auto"
    on_nan: Literal["stop", "pause", "continue"] = "continue"
    """What to do when the loss is no longer a finite number."""
    patience: int = 0
    """Evaluations without a better val_loss after which the run ends at its best checkpoint; 0 trains to the end."""

    def __post_init__(self) -> None:
        between("training.steps", self.steps, 1, 1_000_000_000)
        between("training.batch", self.batch, 1, 65_536)
        between("training.accumulation", self.accumulation, 1, 65_536)
        between("training.patience", self.patience, 0, 1_000_000)
        between("training.seed", self.seed, 0, 2**63 - 1)
        if self.threads != "auto":
            between("training.threads", self.threads, 1, MOST_THREADS)
        between("training.processes", self.processes, 1, MOST_PROCESSES)
        require(
            self.processes <= self.batch,
            "training.processes",
            self.processes,
            f"must be at most training.batch = {self.batch}, whose rows they share",
        )

    @property
    def cores(self) -> int:
        """That it can keep busy, as far as that is decided."""
        return self.processes * (1 if self.threads == "auto" else self.threads)


@dataclass(frozen=True, kw_only=True)
class InstrumentsConfig:
    """What is measured, and how often; an interval of 0 steps switches an instrument off, and then it costs nothing."""

    gradients: bool = True
    """Every step: largest and smallest gradient."""
    updates: bool = True
    """Every step: param_norm and update_ratio."""
    evaluate_every: int = 100
    evaluate_sequences: int = 32
    """Held-out sequences an evaluation; always the same ones."""
    layers_every: int = 50
    """Per-layer gradient norm and update ratio, largest attention logit, log Z; also at steps 1, 2, 5, 10 and 20."""
    sample_every: int = 500
    """And before the first step and after the last."""
    sample_tokens: int = 64
    sample_prompt: str = "def "
    temperature: float = 0.8
    top_k: int = 40

    def __post_init__(self) -> None:
        for key in ("evaluate_every", "layers_every", "sample_every"):
            between(f"instruments.{key}", getattr(self, key), 0, 1_000_000_000)
        between("instruments.evaluate_sequences", self.evaluate_sequences, 1, 65_536)
        between("instruments.sample_tokens", self.sample_tokens, 1, 65_536)
        between("instruments.temperature", self.temperature, 0.0, 100.0)
        between("instruments.top_k", self.top_k, 1, VOCABULARY)


@dataclass(frozen=True, kw_only=True)
class StorageConfig:
    checkpoint_every: int = 500
    """Steps between checkpoints."""
    max_megabytes: int = 500
    """Disk that the checkpoints of one run may use; the thinning series gives way first."""

    def __post_init__(self) -> None:
        between("storage.checkpoint_every", self.checkpoint_every, 1, 1_000_000_000)
        between("storage.max_megabytes", self.max_megabytes, 1, 100_000_000)


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    title: str = "Untitled run"
    lesson: Lesson = field(default_factory=Lesson)
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    instruments: InstrumentsConfig = field(default_factory=InstrumentsConfig)
    storage: StorageConfig = field(default_factory=StorageConfig)
    fault: FaultConfig = field(default_factory=FaultConfig)

    def __post_init__(self) -> None:
        self.fault.require_layers(self.model.layers)

    @classmethod
    def from_toml(cls, path: Path) -> Self:
        """Read a whole run; ConfigError names the file."""
        try:
            return build(cls, read_toml(path), "")
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
        except UnicodeDecodeError as error:
            raise ConfigError(f"{path}: is not UTF-8 text (byte {error.start}); save it as UTF-8") from None
        except (tomllib.TOMLDecodeError, ConfigError) as error:
            raise ConfigError(f"{path}: {error}") from None
        except (ValueError, RecursionError):
            raise ConfigError(f"{path}: has a number of too many digits, or too many brackets, to be a run") from None

    def to_toml(self) -> str:
        return tomli_w.dumps(asdict(self))

    def with_values(self, assignments: Mapping[str, str]) -> Self:
        """The run with `section.key` set to a value written as in TOML; a bare word is taken as a string."""
        return self.with_changes({path: toml_value(text) for path, text in assignments.items()})

    def with_changes(self, changes: Mapping[str, Any]) -> Self:
        """The run with `section.key` set to a value, as fixes write it."""
        table = asdict(self)
        for path, value in changes.items():
            section, _, key = path.rpartition(".")
            where = table[section] if section in table and isinstance(table[section], dict) else table
            if section and where is table:
                alike = get_close_matches(section, table, 1)
                meant = f"; did you mean {alike[0]}.{key}?" if alike else ""
                raise ConfigError(f"{path}: there is no section {section!r}; the sections are {_sections()}{meant}")
            where[key] = value
        return build(type(self), table, "")


@dataclass(frozen=True, kw_only=True)
class LiveSettings:
    """What a person may change while a run trains; part of every checkpoint."""

    schedule: ScheduleConfig
    clip: float
    weight_decay: float
    dropout: float
    batch: int
    accumulation: int
    lr_scale: float = 1.0
    """Times the schedule; how a typed or multiplied learning rate is remembered."""
    patience: int | None = None
    """None in what was stored before it could be changed live: the configuration's."""

    @classmethod
    def from_config(cls, config: RunConfig) -> Self:
        return cls(
            schedule=config.schedule,
            clip=config.optimizer.clip,
            weight_decay=config.optimizer.weight_decay,
            dropout=config.model.dropout,
            batch=config.training.batch,
            accumulation=config.training.accumulation,
            patience=config.training.patience,
        )

    def __post_init__(self) -> None:
        between("lr_scale", self.lr_scale, 0.0, 1e12)
        OptimizerConfig(clip=self.clip, weight_decay=self.weight_decay)
        ModelConfig(dropout=self.dropout)
        TrainingConfig(batch=self.batch, accumulation=self.accumulation, patience=self.patience or 0)


def _sections() -> str:
    return ", ".join(name for name, hint in get_type_hints(RunConfig).items() if is_dataclass(hint))
