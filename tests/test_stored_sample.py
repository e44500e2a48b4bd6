"""The model of a run that does not train writes, in a process of its own."""

import asyncio
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tinygpt_tui.engine.client import stored_sample
from tinygpt_tui.engine.client.run import ClientError
from tinygpt_tui.engine.config import DataConfig, StorageConfig
from tinygpt_tui.engine.corpus import load_corpus
from tinygpt_tui.engine.events import Sample, SampleGenerated, encode
from tinygpt_tui.engine.storage.run_folder import CHECKPOINTS
from tinygpt_tui.engine.storage.run_store import create
from tinygpt_tui.engine.training.checkpoints import Checkpoints
from tinygpt_tui.engine.training.sample_checkpoint import sampled_by
from tinygpt_tui.engine.training.snapshot import CheckpointError
from tinygpt_tui.engine.training.trainer import Trainer

from .texts import TEXT, small_config

WRITTEN = SampleGenerated(step=3, prompt="a", text="bc\n", temperature=1.0, top_k=5)


def sampler(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def test_the_event_of_the_sampler_is_given_back_and_the_command_reaches_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = f"import sys; assert b'prompt' in sys.stdin.buffer.readline(); sys.stdout.buffer.write({encode(WRITTEN)!r})"
    monkeypatch.setattr(stored_sample, "SAMPLER", sampler(code))
    assert asyncio.run(stored_sample.sample_stored(tmp_path, Sample(prompt="a"))) == WRITTEN


@pytest.mark.parametrize(
    ("code", "why"),
    [("import sys; sys.exit('no checkpoint yet')", "no checkpoint yet"), ("print('junk')", "could not write")],
)
def test_a_sampler_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, why: str) -> None:
    monkeypatch.setattr(stored_sample, "SAMPLER", sampler(code))
    with pytest.raises(ClientError, match=why):
        asyncio.run(stored_sample.sample_stored(tmp_path, Sample()))


def test_the_latest_checkpoint_writes_as_the_run_usually_does_where_nothing_else_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "text.py").write_bytes(TEXT)
    config = replace(small_config(steps=4), data=DataConfig(path=str(tmp_path / "text.py")))
    run = create(tmp_path / "runs", config, "small", datetime.now(UTC))
    with pytest.raises(CheckpointError):
        sampled_by(run, Sample())
    trainer = Trainer(config, load_corpus(config.data, context=config.model.context))
    checkpoints = Checkpoints(run / CHECKPOINTS, trainer, StorageConfig())
    while not trainer.finished:
        trainer.advance()
        checkpoints.save("series")
    usual, asked = sampled_by(run, Sample()), sampled_by(run, Sample(prompt="xy", tokens=3, temperature=0.0, top_k=1))
    assert (usual.step, usual.prompt, usual.top_k) == (4, config.instruments.sample_prompt, config.instruments.top_k)
    assert (asked.step, asked.prompt, asked.temperature) == (4, "xy", 0.0)
    assert usual.text and asked == sampled_by(run, Sample(prompt="xy", tokens=3, temperature=0.0, top_k=1))
