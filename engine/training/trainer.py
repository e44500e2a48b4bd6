"""The training loop. One call of `Trainer.advance` is one step, and its events are all that can be known of it.

    repeat:  draw a batch, compute the loss and its gradient, clip the gradient, move the weights

`Trainer._take_step` has the numbered steps. The loop belongs to the caller: to pause is not to call, to stop is not to
call again, and between two calls any command can be answered.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace

import msgspec
import torch
from torch import Tensor

from ..config import ConfigError, LiveSettings, RunConfig
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
from ..long_work import LongWork, WorkAbandoned
from ..schedule import planned_lr
from ..stopwatch import Stopwatch
from .batches import Batches
from .evaluation import Evaluation, perplexity
from .fault_injection import Batch
from .generate import generate_sample
from .instruments import Instruments, LayerReading, are_layers_due, is_due
from .memory_budget import require_memory_for_batches
from .model import flops_per_token
from .optim import new_optimizer
from .replica import Replica
from .shares import OtherShares, SharedGradients, SharesInTurn
from .undo import undone_if_abandoned


class Trainer:
    """One run's model, optimizer and place in the data; `config` has no "auto" left in it.

    Everything random comes from config.training.seed, by generators of their own for weights, batches and samples, so
    that neither measuring nor sampling changes what is trained.
    """

    def __init__(
        self,
        config: RunConfig,
        corpus: Corpus,
        stopwatch: Stopwatch | None = None,
        now: Callable[[], float] = time.time,
        long_work: LongWork | None = None,
        others: OtherShares | None = None,
    ) -> None:
        """`others` compute their shares of each batch; without them this process computes all in turn."""
        self.config = config
        self.settings = LiveSettings.from_config(config)
        self.step = 0
        self.tokens = 0
        self.corpus = corpus
        self._stopwatch = stopwatch or Stopwatch()
        self._now = now
        self._long_work = long_work or LongWork()
        self._changes_to_come: deque[SettingsChanged] = deque()
        self.is_untouched = True
        """Neither trained nor restored."""
        training, seed = config.training, config.training.seed
        self._device = torch.device(training.device)
        torch.set_num_threads(int(training.threads))
        torch.manual_seed(seed)  # dropout alone draws from the global generator
        self._replica = Replica(config, self._device)
        self.model, self.flat, self.faults = self._replica.model, self._replica.flat, self._replica.faults
        self.optimizer = new_optimizer(config.optimizer, self.flat)
        self.batches = Batches(corpus.train, config.model.context, seed + 1, self._device)
        self._evaluation = Evaluation(config, corpus, self._device)
        self._instruments = Instruments(config.instruments, self.flat)
        self.gradients = SharedGradients(self._replica, others or SharesInTurn(training.processes - 1, self._replica))

    def compile(self) -> None:
        processes = self.config.training.processes
        self._replica.compile(-(-self.settings.batch // processes))

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
            processes=training.processes if training.processes > 1 else msgspec.UNSET,
            compiled=training.compile is True,
            pid=os.getpid(),
            settings=self.settings,
        )

    def advance(self) -> list[Event]:
        """One optimizer step, and the measurements that are due after it; what was abandoned is not among them."""
        events: list[Event] = []
        with suppress(WorkAbandoned):
            for event in self._measured_step():  # those before the one that is abandoned count
                events += [event]
        return [*events, *self.replay()]

    def _measured_step(self) -> Iterator[Event]:
        instruments = self.config.instruments
        if self.is_untouched:  # how good random weights are, which is as good as guessing
            self.is_untouched = False
            if instruments.evaluate_every:
                yield self.evaluate()
            if instruments.sample_every:
                yield self.sample(Sample())
        yield from self._take_step(layers=are_layers_due(instruments.layers_every, self.step + 1))
        if is_due(instruments.evaluate_every, self.step) or (self.finished and instruments.evaluate_every):
            yield self.evaluate()
        if is_due(instruments.sample_every, self.step) or (self.finished and instruments.sample_every):
            yield self.sample(Sample())

    def _take_step(self, *, layers: bool) -> list[Event]:
        """One step of gradient descent; with `layers`, each layer is measured too."""
        settings, step = self.settings, self.step + 1
        began = self._stopwatch.lap("training")
        # 1. The schedule gives the learning rate of this step.
        lr = self.faults.lr(step, planned_lr(settings, step, self.config.training.steps))
        # 2. and 3. Forward: the loss of a batch. Backward: its gradient, which way each weight would raise the loss.
        loss, inputs_BT = self.differentiate(settings)
        # 4. Measure the gradient g, then clip it to a norm of c: g * min(1, c / |g|).
        self._instruments.before_update(loss, settings.clip, layers=layers)
        self._stopwatch.lap("gradients")
        # 5. The optimizer moves the weights, about lr times the gradient downhill.
        self.optimizer.step(lr, settings.weight_decay)
        # 6. Measure the weights w and how far they moved: |dw| / |w| is near 1e-3 in a healthy run.
        reading, layer_reading = self._instruments.after_update()
        ended = self._stopwatch.lap("update")
        # 7. Publish what was measured.
        tokens = settings.batch * settings.accumulation * self.config.model.context
        self.step, self.tokens = step, self.tokens + tokens
        finished = StepFinished(
            step=step,
            time=self._now(),
            lr=lr,
            tokens=self.tokens,
            tokens_per_s=tokens / max(ended - began, 1e-9),
            clipped=reading.grad_norm > settings.clip,
            **reading._asdict(),
        )
        return [finished] if layer_reading is None else [finished, self._measure_layers(layer_reading, inputs_BT[:1])]

    def differentiate(self, settings: LiveSettings) -> tuple[Tensor, Tensor]:
        """Gradients of the mean loss of all accumulated batches, that loss, and the last inputs (B, T)."""
        with undone_if_abandoned(self.batches.generator, self._device):
            batches = self._draw(settings)
            self._stopwatch.lap("data")
            loss = self.gradients.of(batches, self.settings.dropout, self._long_work.between_pieces)
        self.faults.gradients(self.step + 1)
        return loss, batches[-1][0]

    def _draw(self, settings: LiveSettings) -> list[Batch]:
        batches: list[Batch] = []
        while len(batches) < settings.accumulation:
            batches.append(self.batches.draw(settings.batch))
            self._long_work.between_pieces()
        return self.faults.batches(self.step + 1, batches)

    def _measure_layers(self, reading: LayerReading, inputs_BT: Tensor) -> LayersMeasured:
        """The layers after an update; attention logits and log Z come from a pass over some inputs (B, T)."""
        self.model.eval()
        max_attention_logit, log_z = self.model.attention_and_output_logits(inputs_BT)
        self.model.train()
        self._stopwatch.lap("layers")
        return LayersMeasured(
            step=self.step,
            names=reading.names,
            grad_norm=reading.grad_norm,
            update_ratio=reading.update_ratio,
            max_attention_logit=max_attention_logit,
            log_z=log_z,
        )

    def evaluate(self) -> Evaluated:
        """The loss on text that is never trained on: where it rises while the training loss falls, a model overfits."""
        val_loss = self._evaluation.loss(self.model, self._long_work)
        self._stopwatch.lap("evaluation")
        return Evaluated(step=self.step, val_loss=val_loss, perplexity=perplexity(val_loss))

    def sample(self, command: Sample) -> SampleGenerated:
        """Text from the weights as they are; ConfigError where the command cannot be."""
        generated = generate_sample(
            self.model,
            self.config.instruments,
            command,
            step=self.step,
            seed=self.config.training.seed + self.step,
            long_work=self._long_work,
        )
        self._stopwatch.lap("sample")
        return generated

    def change(self, command: ChangeSettings) -> SettingsChanged:
        """From the next step on; ConfigError leaves everything as it was."""
        before = self.settings
        after = changed(before, command, step=self.step + 1, steps=self.config.training.steps)
        if after == before and not self._changes_to_come:
            raise ConfigError("nothing would change: the run is set like that already")
        require_memory_for_batches(self.config, after)
        self._changes_to_come.clear()  # from here on it is another run than the one that crashed
        self.apply(after)
        return SettingsChanged(
            step=self.step,
            summary=difference(before, self.settings, step=self.step + 1, steps=self.config.training.steps),
            settings=self.settings,
        )

    def replay(self, changes: Iterable[SettingsChanged] = ()) -> list[SettingsChanged]:
        """Make changes again at the steps they were first made, so that a crash undoes none; returns those made now."""
        for change in (changes := list(changes)):
            if change.settings is not None:
                require_memory_for_batches(self.config, change.settings)
        self._changes_to_come = deque(sorted((*self._changes_to_come, *changes), key=lambda change: change.step))
        replayed: list[SettingsChanged] = []
        while self._changes_to_come and self._changes_to_come[0].step <= self.step:
            change = self._changes_to_come.popleft()
            if change.settings is not None:
                self.apply(change.settings)
            replayed.append(msgspec.structs.replace(change, seq=-1, time=0.0))
        return replayed

    def apply(self, settings: LiveSettings) -> None:
        if settings.patience is None:
            settings = replace(settings, patience=self.config.training.patience)
        self.settings = settings
        self.model.set_dropout(settings.dropout)
