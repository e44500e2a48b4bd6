"""A run folder from a stranger: a subcommand answers in one line, executes nothing and touches nothing outside it."""

import io
import json
import os
import shutil
import struct
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest
from safetensors.numpy import load_file, save

from tinygpt_tui.engine.config import ConfigError, DataConfig, LiveSettings, StorageConfig, TrainingConfig
from tinygpt_tui.engine.corpus import load_corpus
from tinygpt_tui.engine.events import RunEnded, SettingsChanged, encode
from tinygpt_tui.engine.storage.event_log import EventLog
from tinygpt_tui.engine.storage.run_folder import CHECKPOINTS, CONFIG, EVENTS, StoreError, claimed
from tinygpt_tui.engine.storage.run_store import create
from tinygpt_tui.engine.training.checkpoints import Checkpoints
from tinygpt_tui.engine.training.trainer import Trainer
from tinygpt_tui.engine.worker import assemble
from tinygpt_tui.tui.cli.main import run_command

from .texts import TEXT, small_config

Damage = Callable[[Path], object]
COMMANDS = {
    "runs": ["runs"],
    "attach": ["attach", "bad-1", "--text"],
    "attach --json": ["attach", "bad-1", "--json"],
    "sample": ["sample", "bad-1", "--tokens", "5"],
    "diagnose": ["diagnose", "bad-1"],
    "stop": ["stop", "bad-1"],
    "rm": ["rm", "bad-1", "--yes"],
}
READERS = {"attach", "attach --json", "sample", "diagnose", "resume"}
PICKLE = b"\x80\x04cos\nsystem\n(S'touch precious'\ntR."


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sound_run(tmp_path_factory.mktemp("sound"))


def sound_run(folder: Path) -> Path:
    """A short run that is over, with two checkpoints."""
    (folder / "text.py").write_bytes(TEXT)
    config = replace(small_config(steps=10), data=DataConfig(path=str(folder / "text.py")))
    run = create(folder / "runs", config, "bad", datetime.now(UTC))
    trainer = Trainer(config, load_corpus(config.data, context=config.model.context))
    checkpoints, log = Checkpoints(run / CHECKPOINTS, trainer, StorageConfig()), EventLog(run)
    log.append(trainer.started())
    while not trainer.finished:
        for event in trainer.advance():
            log.append(event)
        if trainer.step in (5, 10):
            log.append(checkpoints.save("series"))
    log.append(RunEnded(step=10, reason="finished"))
    log.close()
    return run


@pytest.fixture
def run(sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, and a file beside it that nobody may touch."""
    monkeypatch.setenv("TINYGPT_TUI_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "precious").write_text("untouched")
    return Path(shutil.copytree(sound, tmp_path / "runs" / "bad-1"))


def config(text: str, other: str) -> Damage:
    def damage(run: Path) -> None:
        written = (run / CONFIG).read_text()
        assert text in written
        (run / CONFIG).write_text(written.replace(text, other))

    return damage


def content(name: str, content: bytes) -> Damage:
    """Of a file of the run; where it has a * in it, of every such file."""
    return lambda run: [path.write_bytes(content) for path in run.glob(name)]


def more_events(lines: bytes) -> Damage:
    return lambda run: (run / EVENTS).write_bytes((run / EVENTS).read_bytes() + lines)


def link(name: str, target: str = "../../precious") -> Damage:
    def damage(run: Path) -> None:
        for path in [*run.glob(name)] or [run / name]:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            path.symlink_to(target)

    return damage


def pipe(name: str) -> Damage:
    def damage(run: Path) -> None:
        (run / name).unlink(missing_ok=True)
        os.mkfifo(run / name)

    return damage


def state(**values: object) -> Damage:
    def damage(run: Path) -> None:
        for path in run.glob("checkpoints/*/state.json"):
            path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return damage


def much_memory() -> LiveSettings:
    config = replace(small_config(steps=10), training=TrainingConfig(batch=65_536, accumulation=65_536))
    return LiveSettings.from_config(config)


def tensor_of(kind: str, size: int) -> bytes:
    header = json.dumps({"wte": {"dtype": kind, "shape": [2], "data_offsets": [0, 2 * size]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(2 * size)


def created(date: str) -> Damage:
    def damage(run: Path) -> None:
        _, *rest = (run / CONFIG).read_text().splitlines()
        (run / CONFIG).write_text("\n".join([f"# A run of tinygpt-tui, created {date}", *rest]))

    return damage


def random_state(run: Path) -> None:
    for path in run.glob("checkpoints/*/optimizer.safetensors"):
        arrays = load_file(path)
        path.write_bytes(save(arrays | {"random.batches": np.full_like(arrays["random.batches"], 255)}))


CONFIG_READERS = READERS - {"diagnose"}
"""The numbers of a run whose configuration is damaged are a log all the same."""
DAMAGES: dict[str, tuple[Damage, set[str]]] = {
    "sound": (lambda run: None, set()),
    "config is not UTF-8": (content(CONFIG, b"\xff\xfe"), CONFIG_READERS),
    "config is deep": (content(CONFIG, b"a = " + b"[" * 100_000), CONFIG_READERS),
    "config has a key of many parts": (content(CONFIG, b"a" + b".a" * 22_000 + b" = 1"), CONFIG_READERS),
    "config has an inline key of many parts": (
        content(CONFIG, b'a = {b = """\n"""' + b" , a" + b".'a'" * 11_000 + b" = 1}"),
        CONFIG_READERS,
    ),
    "config has a long number": (config("layers = 2", "layers = " + "9" * 5000), CONFIG_READERS),
    "config has a huge number": (config("steps = 10", f"steps = {2**70}"), CONFIG_READERS),
    "config asks for terabytes": (
        lambda run: (config("layers = 2", "layers = 128")(run), config("width = 16", "width = 16384")(run)),
        {"sample", "resume"},
    ),
    "config reads a device": (config("text.py", "../../../../../../../../dev/zero"), {"resume"}),
    "config reads no path": (config("text.py", "a\\u0000b"), {"resume"}),
    "config is a link": (link(CONFIG), READERS),
    "config is a pipe": (pipe(CONFIG), CONFIG_READERS),
    "title rings": (config('title = "Untitled run"', 'title = "\\u001b[2J\\u0007"'), set()),
    "events are a link": (link(EVENTS), READERS - {"sample"}),
    "events are a pipe": (pipe(EVENTS), READERS - {"sample"}),
    "events are unknown": (more_events(b'{"event":"rm -rf /"}\n\xff\n' + b"[" * 5000 + b"\n"), set()),
    "events have huge numbers": (
        more_events(
            b'{"event":"end","seq":9e99,"step":1e999,"reason":"finished"}\n{"event":"paused","step":%d}\n' % 2**80
        ),
        set(),
    ),
    "events change settings": (
        more_events(b'{"event":"changed","step":10,"summary":"\\u001b[2J","settings":{"clip":[1],"os":{}}}\n'),
        set(),
    ),
    "events name another folder": (
        more_events(b'{"event":"checkpoint","seq":99,"step":10,"name":"../../..","reason":"stop"}\n'),
        {"attach", "attach --json"},  # nothing says how it ended
    ),
    "lock is a link": (link("lock"), READERS - {"diagnose"} | {"rm"}),
    "socket is a link": (link("worker.sock"), set()),
    "checkpoints are a link": (link(CHECKPOINTS, ".."), {"sample", "resume"}),
    "checkpoints are a file": (
        lambda run: (shutil.rmtree(run / CHECKPOINTS), (run / CHECKPOINTS).touch()),
        {"sample", "resume"},
    ),
    "weights have a huge header": (
        content("checkpoints/*/model.safetensors", struct.pack("<Q", 2**63) + b"{}"),
        {"sample", "resume"},
    ),
    "weights are a pickle": (content("checkpoints/*/model.safetensors", PICKLE), {"sample", "resume"}),
    "weights are a link": (link("checkpoints/*/model.safetensors", "../../../../precious"), {"sample", "resume"}),
    **{
        f"weights are {kind}": (content("checkpoints/*/model.safetensors", tensor_of(kind, size)), {"sample", "resume"})
        for kind, size in (("BF16", 2), ("F8_E4M3", 1), ("F8_E5M2", 1), ("F4", 1), ("F99", 1))
    },
    "created in year 1": (created("0001-01-01T00:00:00+00:00"), set()),
    "created in year 1, further east": (created("0001-01-01T00:00:00+14:00"), set()),
    "created in year 9999": (created("9999-12-31T23:59:59+00:00"), set()),
    "created in year 9999, further west": (created("9999-12-31T23:59:59-12:00"), set()),
    "created on February 29": (created("9996-02-29T00:00:00+00:00"), set()),
    "worker's log is a pipe": (pipe("worker.log"), set()),
    "optimizer is empty": (content("checkpoints/*/optimizer.safetensors", struct.pack("<Q", 2) + b"{}"), {"resume"}),
    "generators are garbage": (random_state, {"resume"}),
    "state is deep": (content("checkpoints/*/state.json", b"[" * 50_000), {"sample", "resume"}),
    "state has a huge step": (state(step=10**30), {"sample", "resume"}),
    "state has other settings": (state(settings={"batch": "x"}), {"sample", "resume"}),
    "state asks for terabytes": (state(settings=msgspec.to_builtins(much_memory())), {"resume"}),
    "changes ask for terabytes": (
        more_events(encode(SettingsChanged(step=10, summary="", settings=much_memory())) + b"\n"),
        {"attach", "attach --json", "resume"},  # nothing says how it ended
    ),
    "state is of other text": (state(fingerprint="\x1b[2J"), {"resume"}),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_hostile_run_is_answered_in_one_line(run: Path, damage: str, capsys: pytest.CaptureFixture[str]) -> None:
    do, refused = DAMAGES[damage]
    do(run)
    answers = {name: run_command(arguments) for name, arguments in COMMANDS.items() if name != "rm"}
    output = capsys.readouterr()
    assert "\x1b" not in output.out + output.err and "Traceback" not in output.err
    assert {name for name, status in answers.items() if status} == refused - {"resume", "rm"} | {"stop"}
    assert all(line.startswith(("tinygpt-tui: ", "the log is ")) for line in output.err.splitlines())
    assert resumes(run) == ("resume" not in refused)
    assert (run_command(COMMANDS["rm"]) == 0) == ("rm" not in refused)
    assert run.exists() == ("rm" in refused)
    assert (run.parents[1] / "precious").read_text() == "untouched"


@pytest.mark.parametrize("kind", ["elsewhere", "link in the runs folder"])
def test_rm_deletes_nothing_but_what_lies_in_the_runs_folder(
    run: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    other = run.parents[1] / "other" / "bad\x1b[2J-1"
    shutil.copytree(run, other)
    link = run.parent / "link"
    link.symlink_to(other, target_is_directory=True)

    name = other if kind == "elsewhere" else link
    assert run_command(["rm", f"{name}/", "--yes"]) == run_command(["rm", str(name), "--yes"]) == 2
    assert (other / CONFIG).exists() and link.is_symlink()
    assert "\x1b" not in capsys.readouterr().err


def test_rm_asks_with_the_full_path_without_its_escape_sequences(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = run.rename(run.parent / "bad\x1b]52;c;\u202e\x9b-1")
    monkeypatch.chdir(run.parents[1])
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))

    assert run_command(["rm", f"runs/{hostile.name}"]) == 0
    assert f"Delete {run.parent}/bad␛]52;c;\\u202e\\x9b-1?" in capsys.readouterr().err
    assert hostile.exists()


def resumes(run: Path) -> bool:
    """Whether a worker would go on with it; what is in its way is one line."""
    try:
        with claimed(run), closing(EventLog(run)):
            assemble(run, lambda activity: None)
    except (ConfigError, StoreError) as error:
        assert len(str(error).splitlines()) == 1
        return False
    return True
