"""Training as a plain iterator: pulling it is running, and what it yields is everything that can be known of it."""

import math
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import msgspec
import torch
import torch.nn.functional as F
from torch import Tensor

from ..config import LiveSettings, RunConfig
from ..corpus import Corpus
from ..events import (
    ChangeSettings,
    Evaluated,
    Event,
    LayersMeasured,
    RunStarted,
    Sample,
    SampleGenerated,
    SettingsChanged,
    StepFinished,
)
from ..live_changes import changed, difference
from ..schedule import planned_lr
from ..stopwatch import Stopwatch
from .batches import Batches, held_out
from .fault_injection import Faults
from .generate import generate
from .instruments import Instruments, LayerReading
from .memory_budget import require_memory_for_batches
from .model import GPT, flops_per_token
from .optim import FlatParameters, Optimizer

EVALUATION_TOKENS = 2048
"""A pass, so that its activations stay in the cache: larger ones are slower."""
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


class Trainer:
    """One run's model, optimizer and place in the data; `config` has no "auto" left in it."""

    def __init__(
        self,
        config: RunConfig,
        corpus: Corpus,
        stopwatch: Stopwatch | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.config = config
        self.settings = LiveSettings.from_config(config)
        self.step = 0
        self.tokens = 0
        self.corpus = corpus
        self._stopwatch = stopwatch or Stopwatch()
        self._now = now
        self._changes_to_come: deque[SettingsChanged] = deque()
        self.is_untouched = True
        """Neither trained nor restored."""
        self._device = torch.device(config.training.device)
        torch.set_num_threads(int(config.training.threads))
        seed = config.training.seed
        torch.manual_seed(seed)  # dropout alone draws from the global generator
        self.model = GPT(config.model, torch.Generator().manual_seed(seed)).to(self._device)
        self.flat = FlatParameters(self.model, PRECISIONS[config.training.precision])
        self.optimizer = Optimizer(config.optimizer, self.flat)
        self.batches = Batches(corpus.train, config.model.context, seed + 1, self._device)
        self._faults = Faults(config.fault, self.model, self.flat, seed)
        self._held_out = held_out(corpus.val, config.model.context, config.instruments.evaluate_sequences, self._device)
        self._instruments = Instruments(config.instruments, self.flat)
        self._forward: Callable[[Tensor], Tensor] = (
            torch.compile(self.model) if config.training.compile is True else self.model
        )

    @property
    def is_compiled(self) -> bool:
        return self._forward is not self.model

    def compile(self) -> None:
        """Compile what the first step would have to; what is trained does not notice."""
        # cut like a batch: strides too are compiled in
        tokens_BT = torch.zeros(self.settings.batch, self.config.model.context + 1, dtype=torch.long)
        tokens_BT = tokens_BT.to(self._device)
        with torch.random.fork_rng():
            logits_BTV = self._forward(tokens_BT[:, :-1])
            loss = F.cross_entropy(logits_BTV.flatten(0, 1).float(), tokens_BT[:, 1:].flatten())
            self.flat.differentiate(loss, accumulate=False)

    @property
    def finished(self) -> bool:
        return self.step >= self.config.training.steps

    def started(self) -> RunStarted:
        training = self.config.training
        parameters = self.flat.weights.numel()
        return RunStarted(
            step=self.step,
            steps=training.steps,
            parameters=parameters,
            flops_per_token=flops_per_token(self.config.model, parameters),
            train_tokens=len(self.corpus.train),
            val_tokens=len(self.corpus.val),
            corpus=self.corpus.description,
            fingerprint=self.corpus.fingerprint,
            device=training.device,
            precision=training.precision,
            threads=torch.get_num_threads(),
            compiled=training.compile is True,
            pid=os.getpid(),
            settings=self.settings,
        )

    def advance(self) -> list[Event]:
        """One optimizer step, and the measurements that are due after it."""
        events = self._untrained() if self.is_untouched else []
        self.is_untouched = False
        events += self._take_step(layers=self._due(self.config.instruments.layers_every, self.step + 1))
        if self._due(self.config.instruments.evaluate_every, self.step) or (
            self.finished and self.config.instruments.evaluate_every
        ):
            events.append(self.evaluate())
        if self._due(self.config.instruments.sample_every, self.step):
            events.append(self.sample(Sample()))
        return events + self._replay()

    def _untrained(self) -> list[Event]:
        """How good chance is: what all that is learnt will be held against."""
        events: list[Event] = [self.evaluate()] if self.config.instruments.evaluate_every else []
        return [*events, self.sample(Sample())] if self.config.instruments.sample_every else events

    def _due(self, every: int, step: int) -> bool:
        return bool(every) and step % every == 0

    def _take_step(self, *, layers: bool) -> list[Event]:
        began = self._stopwatch.lap("training")
        settings = self.settings
        lr = self._faults.lr(self.step + 1, planned_lr(settings, self.step + 1, self.config.training.steps))
        loss, inputs_BT = self._differentiate(settings)
        self._instruments.before_update(loss, settings.clip, layers=layers)
        self._stopwatch.lap("gradients")
        self.optimizer.step(lr, settings.weight_decay)
        reading, layer_reading = self._instruments.after_update()
        ended = self._stopwatch.lap("update")
        self.step += 1
        tokens = settings.batch * settings.accumulation * self.config.model.context
        self.tokens += tokens
        finished = StepFinished(
            step=self.step,
            time=self._now(),
            loss=reading.loss,
            lr=lr,
            tokens=self.tokens,
            tokens_per_s=tokens / max(ended - began, 1e-9),
            grad_norm=reading.grad_norm,
            clipped=reading.grad_norm > settings.clip,
            grad_max=reading.grad_max,
            grad_min=reading.grad_min,
            param_norm=reading.param_norm,
            update_ratio=reading.update_ratio,
        )
        return [finished] if layer_reading is None else [finished, self._measured(layer_reading, inputs_BT[:1])]

    def _measured(self, reading: LayerReading, inputs_BT: Tensor) -> LayersMeasured:
        """The layers after an update; attention logits and log Z come from a pass over some inputs (B, T)."""
        self.model.eval()
        largest, log_z = self.model.vital_signs(inputs_BT)
        self.model.train()
        self._stopwatch.lap("layers")
        return LayersMeasured(
            step=self.step,
            names=reading.names,
            grad_norm=reading.grad_norm,
            update_ratio=reading.update_ratio,
            max_attention_logit=largest,
            log_z=log_z,
        )

    def _differentiate(self, settings: LiveSettings) -> tuple[Tensor, Tensor]:
        """Gradients of the mean loss of all accumulated batches, that loss, and the last inputs (B, T)."""
        losses = []
        batches = [self.batches.draw(settings.batch) for _ in range(settings.accumulation)]
        batches = self._faults.batches(self.step + 1, batches)
        self._stopwatch.lap("data")
        for index, (inputs_BT, targets_BT) in enumerate(batches):
            logits_BTV = self._forward(inputs_BT)
            loss = F.cross_entropy(logits_BTV.flatten(0, 1).float(), targets_BT.flatten())
            if settings.accumulation > 1:
                loss = loss / settings.accumulation
            self.flat.differentiate(loss, accumulate=index > 0)
            losses.append(loss.detach())
        self._faults.gradients(self.step + 1)
        return losses[0] if len(losses) == 1 else torch.stack(losses).sum(), batches[-1][0]

    @torch.inference_mode()
    def evaluate(self) -> Evaluated:
        self.model.eval()
        inputs_BT, targets_BT = self._held_out
        total = torch.zeros((), device=self._device)
        batch = max(EVALUATION_TOKENS // self.config.model.context, 1)
        for inputs, targets in zip(inputs_BT.split(batch), targets_BT.split(batch), strict=True):
            logits_BTV = self.model(inputs)
            total += F.cross_entropy(logits_BTV.flatten(0, 1).float(), targets.flatten(), reduction="sum")
        self.model.train()
        val_loss = (total / targets_BT.numel()).item()
        self._stopwatch.lap("evaluation")
        return Evaluated(step=self.step, val_loss=val_loss, perplexity=perplexity(val_loss))

    def sample(self, command: Sample) -> SampleGenerated:
        """Generate from the weights as they are; draws from a generator of its own, so training does not notice."""
        asked = {
            "sample_prompt": command.prompt,
            "temperature": command.temperature,
            "top_k": command.top_k,
            "sample_tokens": command.tokens,
        }
        wanted = replace(self.config.instruments, **{key: value for key, value in asked.items() if value is not None})
        text = generate(
            self.model,
            wanted.sample_prompt.encode(errors="surrogateescape"),
            tokens=wanted.sample_tokens,
            temperature=wanted.temperature,
            top_k=wanted.top_k,
            generator=torch.Generator().manual_seed(self.config.training.seed + self.step),
        )
        self._stopwatch.lap("sample")
        return SampleGenerated(
            step=self.step,
            prompt=wanted.sample_prompt,
            text=text.decode(errors="replace"),
            temperature=wanted.temperature,
            top_k=wanted.top_k,
        )

    def change(self, command: ChangeSettings) -> SettingsChanged:
        """From the next step on; ConfigError leaves everything as it was."""
        before = self.settings
        after = changed(before, command, step=self.step + 1, steps=self.config.training.steps)
        if self._device.type == "cpu":
            require_memory_for_batches(self.config, after)
        self._changes_to_come.clear()  # from here on it is another run than the one that crashed
        self.apply(after)
        return SettingsChanged(
            step=self.step,
            summary=difference(before, self.settings, step=self.step + 1, steps=self.config.training.steps),
            settings=self.settings,
        )

    def replay(self, changes: Iterable[SettingsChanged]) -> None:
        """Make changes again at the steps they were first made: a crash must not undo what a person did."""
        self._changes_to_come = deque(sorted(changes, key=lambda change: change.step))
        self._replay()

    def _replay(self) -> list[Event]:
        replayed: list[Event] = []
        while self._changes_to_come and self._changes_to_come[0].step <= self.step:
            change = self._changes_to_come.popleft()
            self.apply(change.settings)
            replayed.append(msgspec.structs.replace(change, seq=-1, time=0.0))
        return replayed

    def apply(self, settings: LiveSettings) -> None:
        self.settings = settings
        self.model.set_dropout(settings.dropout)


def train(config: RunConfig, corpus: Corpus) -> Iterator[Event]:
    """A whole run, from its first step to its last."""
    trainer = Trainer(config, corpus)
    yield trainer.started()
    while not trainer.finished:
        yield from trainer.advance()


def perplexity(loss: float) -> float:
    return math.exp(loss) if loss < 700 else math.inf
