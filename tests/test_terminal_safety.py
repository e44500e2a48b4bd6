"""Escape sequences in every text of a run from outside: none reaches the terminal, whatever the command."""

import io
import json
import os
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from tinygpt_tui.engine.config import LiveSettings, RunConfig
from tinygpt_tui.engine.events import (
    AnyEvent,
    CheckpointSaved,
    FindingOpened,
    FindingUpdated,
    Fix,
    LayersMeasured,
    PreparationBegan,
    ProtocolError,
    Refused,
    RunDescribed,
    RunEnded,
    RunPaused,
    RunStarted,
    SampleGenerated,
    SettingsChanged,
    StepFinished,
    StorageBlocked,
    TimeSpent,
    decode_event,
)
from tinygpt_tui.engine.storage.event_log import EventLog
from tinygpt_tui.engine.storage.run_folder import CONFIG, claimed
from tinygpt_tui.tui.cli.follow import narrator

HOSTILE = "\x1b]52;c;aGk=\x07\x9b31m\x9d\u202e\u2066\x7f\r"
COMMAND = (sys.executable, "-c", "from tinygpt_tui.tui.cli.main import main; main()")
SETTINGS = LiveSettings.from_config(RunConfig())
WITH_TEXT: list[AnyEvent] = [
    PreparationBegan(activity="x"),
    RunDescribed(title="x", kind="loop", commands=["x"], changes=["x"], settings={"x": "x"}),
    StepFinished(step=1, loss=1, others={"x": 1}),
    RunStarted(
        step=0, steps=9, parameters=1, flops_per_token=1, train_tokens=1, val_tokens=1, corpus="x", fingerprint="x",
        device="x", precision="x", threads=1, compiled=False, pid=1, settings=SETTINGS,
    ),
    LayersMeasured(step=1, names=["x"], grad_norm=[1], update_ratio=[1], max_attention_logit=1, log_z=1),
    SampleGenerated(step=1, prompt="x", text="x", temperature=1, top_k=1),
    SettingsChanged(step=1, summary="x", settings=SETTINGS),
    TimeSpent(step=1, steps=1, seconds={"x": 1}),
    RunPaused(step=1, reason="x"),
    CheckpointSaved(step=1, name="x", reason="stop"),
    FindingOpened(
        id=1, step=1, onset=1, kind="x", severity="failure", title="x", evidence="x", causes=["x"],
        fixes=[Fix(title="x", changes={"x": "x"})],
    ),
    FindingUpdated(id=1, step=1, evidence="x"),
    StorageBlocked(step=1, detail="x"),
    Refused(id=1, why="x"),
    RunEnded(step=1, reason="stopped", detail="x"),
    RunEnded(step=1, reason="failed", detail="x"),
]  # fmt: skip


def poisoned(value: Any) -> Iterator[Any]:
    """The value with one of its texts replaced, for every text in it."""
    match value:
        case str():
            yield HOSTILE
        case dict():
            for key, item in value.items():
                yield from ({**value, key: other} for other in poisoned(item))
            if value.keys() == {"x"}:
                yield {HOSTILE: value["x"]}
        case list():
            for place, item in enumerate(value):
                yield from ([*value[:place], other, *value[place + 1 :]] for other in poisoned(item))
        case _:
            pass


def hostile_events() -> list[AnyEvent]:
    events: list[AnyEvent] = []
    for event in WITH_TEXT:
        for table in poisoned(msgspec.to_builtins(event)):
            try:
                events.append(decode_event(msgspec.json.encode(table)))
            except ProtocolError:
                continue  # a choice of few words takes no other
    return events


def require_harmless(output: str) -> None:
    strange = [c for c in output if c != "\n" and unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")]
    assert not strange
    assert not any(unicodedata.bidirectional(c) in ("LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI") for c in output)


def test_every_event_with_a_text_is_tried() -> None:
    def has_text(kind: Any) -> bool:
        fields = (field for field in msgspec.structs.fields(kind) if field.name != "event")
        return any("str" in str(field.type) or field.type == list[Fix] for field in fields)

    assert {type(event) for event in WITH_TEXT} == {kind for kind in get_args(AnyEvent) if has_text(kind)}
    assert len(hostile_events()) >= 20


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Hostile in its name, in the folders around it, in its configuration and in its events."""
    run = tmp_path / f"runs{HOSTILE}" / f"bad{HOSTILE}-1"
    run.mkdir(parents=True)
    texts = ("title", "data.path", "data.glob", "instruments.sample_prompt")
    config = RunConfig().with_changes(dict.fromkeys(texts, HOSTILE))
    (run / CONFIG).write_text(f"# A run of tinygpt-tui, created {HOSTILE!r}\n{config.to_toml()}")
    step = StepFinished(step=1, loss=1, lr=1, tokens=1, tokens_per_s=1, grad_norm=1, clipped=False)
    with closing(EventLog(run)) as log:
        for event in [step, *hostile_events()]:
            log.append(event)
    (run / f"left{HOSTILE}").touch()
    return run


@pytest.mark.parametrize(
    "arguments",
    [
        "runs", "runs --json", "attach RUN --text", "attach RUN --json", "diagnose RUN", "diagnose RUN --json",
        "diagnose RUN/events.jsonl --json", "sample RUN", "stop RUN", "resume RUN", "resume RUN --json", "rm RUN",
        "rm RUN --yes", "attach bad", "train FILE", "train FILE --json", "presets show FILE", "presets check FILE",
    ],
)  # fmt: skip
def test_no_escape_sequence_reaches_the_terminal(run: Path, arguments: str) -> None:
    hostile_file = run.parents[1] / f"preset{HOSTILE}.toml"
    hostile_file.write_bytes((run / CONFIG).read_bytes())
    words = [w.replace("RUN", str(run)).replace("FILE", str(hostile_file)) for w in arguments.split(" ")]
    environment = {**os.environ, "TINYGPT_TUI_RUNS": str(run.parent)}

    said = subprocess.run([*COMMAND, *words], capture_output=True, input=b"y\n", env=environment, timeout=120)

    out, err = said.stdout.decode(), said.stderr.decode()
    require_harmless(out)
    require_harmless(err)
    assert out + err and "Traceback" not in err
    if "--json" in words and out:
        assert [json.loads(line) for line in out.splitlines()]


def test_an_occupied_hostile_run_is_refused_harmlessly(run: Path) -> None:
    environment = {**os.environ, "TINYGPT_TUI_RUNS": str(run.parent)}
    with claimed(run):
        for words in (["resume", str(run)], ["rm", str(run), "--yes"], ["runs"]):
            said = subprocess.run([*COMMAND, *words], capture_output=True, env=environment, timeout=120)
            require_harmless((said.stdout + said.stderr).decode())


def test_json_lines_hold_what_they_held(capsys: pytest.CaptureFixture[str]) -> None:
    teller = narrator(9, sys.stdout, as_json=True)
    teller.show(hostile_events())
    lines = capsys.readouterr().out.splitlines()
    assert [decode_event(line) for line in lines] == hostile_events()


def test_a_line_that_is_redrawn_has_no_escape_sequence_but_its_own() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for event in hostile_events():
        terminal = Terminal()
        narrator(9, terminal, as_json=False).show([event])
        require_harmless(terminal.getvalue().replace("\r\x1b[K", ""))
