"""A corpus and configs small enough for a test, and real enough to learn from."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tinygpt_tui.engine.config import InstrumentsConfig, ModelConfig, RunConfig, TrainingConfig
from tinygpt_tui.engine.corpus import Corpus
from tinygpt_tui.engine.events import Event
from tinygpt_tui.engine.hosting.patience import Patience
from tinygpt_tui.engine.training.trainer import Trainer

TEXT = b"def add(a, b):\n    return a + b\n\n\ndef twice(f):\n    return lambda x: f(f(x))\n\n\n" * 60


def small_corpus() -> Corpus:
    tokens = np.frombuffer(TEXT, dtype=np.uint8)
    split = len(tokens) * 9 // 10
    return Corpus(train=tokens[:split], val=tokens[split:], fingerprint="small", description="a small text")


def small_config(**training: object) -> RunConfig:
    """Sixteen wide, on one thread, with nothing left to decide."""
    config = RunConfig(
        model=ModelConfig(layers=2, heads=2, width=16, context=16),
        training=TrainingConfig(steps=40, batch=2, device="cpu", precision="fp32", threads=1, compile=False),
        instruments=InstrumentsConfig(
            evaluate_every=10, evaluate_sequences=4, layers_every=5, sample_every=20, sample_tokens=8
        ),
    )
    return replace(config, training=replace(config.training, **training))


def training_events(config: RunConfig, corpus: Corpus) -> Iterator[Event]:
    """A whole run, from its first step to its last; early stopping ends it as in a worker."""
    trainer = Trainer(config, corpus)
    yield trainer.started()
    patience = Patience(config.training.patience)
    while not (trainer.finished or patience.is_over):
        events = trainer.advance()
        patience.observe(events)
        yield from events
