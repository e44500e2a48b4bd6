"""A trainer's whole state to safetensors and JSON, and back to the same bits; reading it executes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save
from torch import Tensor

from ..config import ConfigError
from ..corpus import Corpus
from ..events import encode
from ..storage.stored_checkpoints import CheckpointError, Reason, State, read_state
from .memory_budget import require_memory_for_batches
from .trainer import Trainer


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A view of a trainer's state, until it is detached."""

    state: State
    model: dict[str, np.ndarray]
    training: dict[str, np.ndarray]

    @property
    def size(self) -> int:
        return sum(array.nbytes for array in (*self.model.values(), *self.training.values()))

    def detached(self) -> "Snapshot":
        """Training goes on without changing it."""
        model, training = ({name: a.copy() for name, a in arrays.items()} for arrays in (self.model, self.training))
        return Snapshot(self.state, model, training)

    def write(self, folder: Path) -> None:
        # not save_file, which hides a full disk in an error of its own
        (folder / "model.safetensors").write_bytes(save(self.model))
        (folder / "optimizer.safetensors").write_bytes(save(self.training))
        (folder / "state.json").write_bytes(encode(self.state))


def take(trainer: Trainer, reason: Reason, best_val_loss: float) -> Snapshot:
    flat = trainer.flat
    state = State(
        step=trainer.step,
        tokens=trainer.tokens,
        reason=reason,
        fingerprint=trainer.corpus.fingerprint,
        best_val_loss=best_val_loss,
        settings=trainer.settings,
    )
    model = zip(flat.names, (view.cpu().numpy() for view in flat.views(flat.weights)), strict=True)
    training = {name: tensor.cpu().numpy() for name, tensor in _training_tensors(trainer).items()}
    return Snapshot(state, dict(model), training)


def _training_tensors(trainer: Trainer) -> dict[str, Tensor]:
    tensors = dict(trainer.optimizer.state)
    tensors["random.batches"] = trainer.batches.generator.get_state()
    tensors["random.dropout"] = torch.get_rng_state()
    if trainer.config.training.device == "cuda":
        tensors["random.dropout_cuda"] = torch.cuda.get_rng_state()
    if trainer.config.training.device == "mps":
        tensors["random.dropout_mps"] = torch.mps.get_rng_state()
    return tensors


def restore(folder: Path, trainer: Trainer) -> State:
    """Put a snapshot into a trainer built from the same config; CheckpointError leaves the trainer as it was."""
    state = read_state(folder)
    _require_same_text(folder, state, trainer.corpus)
    try:
        require_memory_for_batches(trainer.config, state.settings)
    except ConfigError as error:
        raise CheckpointError(f"{folder / 'state.json'}: {error}") from None
    flat = trainer.flat
    weights = dict(zip(flat.names, flat.views(flat.weights), strict=True))
    training = _training_tensors(trainer)
    loaded = [
        (weights, _load(folder / "model.safetensors", weights)),
        (training, _load(folder / "optimizer.safetensors", training)),
    ]
    _require_generators(folder / "optimizer.safetensors", loaded[1][1])
    with torch.no_grad():
        for targets, arrays in loaded:
            _fill(targets, arrays)
        flat.publish()
    _set_generators(trainer, training)
    trainer.step, trainer.tokens, trainer.is_untouched = state.step, state.tokens, False
    trainer.apply(state.settings)
    return state


def _require_same_text(folder: Path, state: State, corpus: Corpus) -> None:
    if state.fingerprint != corpus.fingerprint:
        raise CheckpointError(
            f"{folder}: was trained on other text (fingerprint {state.fingerprint[:16]!r}, and "
            f"{corpus.description} has {corpus.fingerprint!r}); restore that text, or start a new run"
        )


def load_weights(folder: Path, names: Sequence[str], views: Sequence[Tensor]) -> None:
    """The weights alone, into tensors of a model of the same shape; CheckpointError where they do not fit."""
    targets = dict(zip(names, views, strict=True))
    arrays = _load(folder / "model.safetensors", targets)
    with torch.no_grad():
        _fill(targets, arrays)


def _fill(targets: dict[str, Tensor], arrays: dict[str, np.ndarray]) -> None:
    for name, target in targets.items():
        target.copy_(torch.from_numpy(arrays[name]))


def _load(path: Path, expected: dict[str, Tensor]) -> dict[str, np.ndarray]:
    if path.is_symlink() or not path.is_file():
        raise CheckpointError(f"{path}: is missing or is no plain file")
    try:
        arrays = load_file(path)
    except (KeyError, TypeError, AttributeError):
        raise CheckpointError(f"{path}: holds numbers of a type that numpy does not have, such as bfloat16") from None
    except (OSError, SafetensorError, ValueError) as error:
        raise CheckpointError(f"{path}: cannot be read: {' '.join(str(error).split())[:200]}") from None
    for name, tensor in expected.items():
        found = arrays.get(name)
        wanted = (tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
        if found is None or (found.shape, str(found.dtype)) != wanted:
            got = "is missing" if found is None else f"is {found.dtype} {found.shape}"
            raise CheckpointError(f"{path}: {name} {got}, where config.toml asks for {wanted[1]} {wanted[0]}")
    return arrays


def _require_generators(path: Path, arrays: dict[str, np.ndarray]) -> None:
    for name in ("random.batches", "random.dropout"):
        try:
            torch.Generator().set_state(torch.from_numpy(arrays[name]))
        except RuntimeError:
            raise CheckpointError(f"{path}: {name} is no state of a random generator") from None


def _set_generators(trainer: Trainer, training: dict[str, Tensor]) -> None:
    trainer.batches.generator.set_state(training["random.batches"])
    torch.set_rng_state(training["random.dropout"])
    if "random.dropout_cuda" in training:
        torch.cuda.set_rng_state(training["random.dropout_cuda"])
    if "random.dropout_mps" in training:
        torch.mps.set_rng_state(training["random.dropout_mps"])
