"""Thousands of damaged run folders, opened by every command and by Home: no traceback, and nothing takes 2 s.

python -m tests.bench.damaged_runs             # 5000 folders
python -m tests.bench.damaged_runs 100 --seed 1

The commands run in this process, for starting one takes longer than any of them. The time is that of the processor, so
that a busy machine does not count.
"""

import argparse
import asyncio
import contextlib
import io
import os
import random
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from tinygpt_tui.engine.storage.run_folder import EVENTS
from tinygpt_tui.tui.app import TinyGPTApp
from tinygpt_tui.tui.cli.main import run_command

from ..test_hostile_run import COMMANDS, DAMAGES, resumes, sound_run

MOST_S = 2.0
A_HOME = 50
"""Damaged folders that Home lists at once."""
FILES = ("config.toml", EVENTS, "checkpoints/*/state.json", "checkpoints/*/model.safetensors", "lock")


def damage(run: Path, chance: random.Random) -> str:
    """A known damage, or bytes of some file that are changed, doubled or cut off."""
    if chance.random() < 0.3:
        name = chance.choice(list(DAMAGES))
        DAMAGES[name][0](run)
        return name
    name = chance.choice(FILES)
    for path in run.glob(name):
        data = bytearray(path.read_bytes())
        for _ in range(chance.choice((1, 3, 30))):
            at, end = sorted((chance.randrange(len(data) + 1), chance.randrange(len(data) + 1)))
            match chance.randrange(4):
                case 0:
                    data[at : at + 1] = chance.randbytes(1)
                case 1:
                    data[at:at] = data[at : min(end, at + 2000)]
                case 2:
                    del data[at : min(end, at + 200)]
                case _:
                    data[at:at] = chance.choice(
                        (b"9" * 400, b"[" * 2000, b"\x00", b"\xff\xfe", b"NaN", b"1e999", b"\n")
                    )
        path.write_bytes(data[: chance.randrange(len(data) + 1) if chance.random() < 0.2 else None])
    return name


def tried(run: Path, slowest: dict[str, float]) -> list[str]:
    """Every command on one folder; what went wrong."""
    wrong: list[str] = []
    for name, arguments in COMMANDS.items():
        if name == "rm":
            wrong += _timed("resume", lambda: resumes(run), slowest)
        wrong += _timed(name, lambda given=arguments: run_command(given), slowest)
    return wrong


def _timed(name: str, do: object, slowest: dict[str, float]) -> list[str]:
    assert callable(do)
    began, out, err = time.process_time(), _output(), _output()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            do()
    except Exception as error:  # what is looked for
        return [f"{name}: {error!r}"]
    took = time.process_time() - began
    slowest[name] = max(slowest[name], took)
    return [
        *([f"{name}: {took:.1f} s"] if took > MOST_S else []),
        *([f"{name}: traceback"] if b"Traceback" in _written(err) else []),
        *([f"{name}: an escape sequence"] if b"\x1b" in _written(out) + _written(err) else []),
    ]


def _output() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8")


def _written(output: io.TextIOWrapper) -> bytes:
    output.flush()
    assert isinstance(output.buffer, io.BytesIO)
    return output.buffer.getvalue()


async def home_opens(runs: Path, slowest: dict[str, float]) -> None:
    """Home lists them all, and shows a preview of each."""
    began = time.process_time()
    async with TinyGPTApp(runs, settings_file=runs.parent / "settings.toml").run_test(size=(100, 30)) as pilot:
        await pilot.app.workers.wait_for_complete()
        slowest["home"] = max(slowest["home"], time.process_time() - began)
        for _ in range(A_HOME):
            before = time.process_time()
            await pilot.press("down")
            slowest["preview"] = max(slowest["preview"], time.process_time() - before)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=int, nargs="?", default=5000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance, slowest, wrong = random.Random(options.seed), defaultdict[str, float](float), 0
    place = Path(tempfile.mkdtemp())
    os.environ["TINYGPT_TUI_RUNS"] = str(place / "runs")
    (place / "sound").mkdir()
    sound = sound_run(place / "sound")
    for number in range(options.folders):
        run = Path(shutil.copytree(sound, place / "runs" / "bad-1"))
        kind = damage(run, chance)
        if number < A_HOME:
            shutil.copytree(run, place / "listed" / f"bad-{number}", symlinks=True, copy_function=_copied)
        for each in tried(run, slowest):
            wrong += 1
            print(f"{number} {kind}: {each}", flush=True)
        shutil.rmtree(place / "runs")
    asyncio.run(home_opens(place / "listed", slowest))
    shutil.rmtree(place)
    print(f"{options.folders} folders, {wrong} wrong; slowest, in seconds of the processor:")
    print(", ".join(f"{name} {seconds:.2f}" for name, seconds in sorted(slowest.items())))
    return 1 if wrong else 0


def _copied(source: str, target: str) -> str:
    """A pipe has no content."""
    return os.fspath(shutil.copy2(source, target, follow_symlinks=False)) if Path(source).is_file() else target


if __name__ == "__main__":
    sys.exit(main())
