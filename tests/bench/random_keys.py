"""Random keys at random moments on a run that trains, one that is paused, one that is over, and on Home.

python -m tests.bench.random_keys              # 100 000 keys
python -m tests.bench.random_keys 2000 --seed 1 --sitting 12    # from the twelfth sitting of seed 1 on

A key that leaves the app starts it anew; a traceback ends the script. Prints the memory along the way. Keys come in
bursts that do not wait for the screen, as from a hand that types ahead, with a moment between some of them.
"""

import argparse
import asyncio
import os
import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

from textual.keys import Keys
from textual.pilot import WaitForScreenTimeout

from tinygpt_tui.engine.config import RunConfig, TrainingConfig
from tinygpt_tui.engine.events import AnyEvent, RunEnded, RunPaused
from tinygpt_tui.engine.storage.run_store import create
from tinygpt_tui.tui.app import TinyGPTApp
from tinygpt_tui.tui.navigation import OpenRun, RunDestination
from tinygpt_tui.tui.run.process_memory import resident_bytes

from ..scripted_run import ScriptedRun, started, steps

CONFIG = RunConfig(title="Keys", training=TrainingConfig(steps=100_000))
NAMED = ("up", "down", "left", "right", "enter", "escape", "tab", "shift+tab", "space", "backspace", "home", "end")
NAMED += ("pageup", "pagedown", "delete", "ctrl+p", "ctrl+t", "shift+left", "shift+right", Keys.ControlU.value)
KEYS = (*map(chr, range(33, 127)), *NAMED)
SIZES = ((120, 36), (80, 24), (60, 16), (160, 45), (20, 5))
STATES = ("training", "paused", "finished", "damaged", "home")
A_SITTING = 100
"""Keys until the app is started anew, with another run in another size."""


BURSTS = (1, 1, 3, 10)
MOMENTS_S = (0, 0, 0, 0.001, 0.02)
"""What may pass after a key, where a test would wait until the app has nothing left to do."""


def run_in(state: str) -> ScriptedRun:
    begun: list[AnyEvent] = [started(CONFIG), *steps(CONFIG, [3 - 0.002 * step for step in range(200)])]
    if state == "paused":
        return ScriptedRun([*begun, RunPaused(step=200, reason="as asked")], config=CONFIG, live=True)
    if state == "finished":
        return ScriptedRun([*begun, RunEnded(step=200, reason="finished")], config=CONFIG)
    return ScriptedRun([] if state == "damaged" else begun, config=CONFIG, live=state == "training")


async def sitting(state: str, keys: int, chance: random.Random, folder: Path) -> int:
    """The keys that were pressed until the app was left."""
    run, step = run_in(state), 200

    async def scripted(destination: RunDestination, runs: Path) -> ScriptedRun:
        return run

    destination = None if state == "home" else OpenRun(folder)
    app = TinyGPTApp(folder / "runs", settings_file=folder / "settings.toml", destination=destination, open=scripted)
    async with app.run_test(size=chance.choice(SIZES)) as pilot:
        pressed = 0
        while pressed < keys:
            burst = min(chance.choice(BURSTS), keys - pressed)
            try:
                await pilot.press(*(chance.choice(KEYS) for _ in range(burst)))
            except WaitForScreenTimeout:
                if is_there(app):
                    raise
            pressed += burst
            if not is_there(app):
                return pressed
            if state == "training" and run.live and chance.random() < 0.5:
                count = chance.choice((1, 1, 5, 200))
                run.say(*steps(CONFIG, [chance.uniform(2, 3) for _ in range(count)], first=step + 1))
                step += count
        app.exit()  # a sitting ends as a person's does, at any moment
    return pressed


def is_there(app: TinyGPTApp) -> bool:
    """Whether no key has left it."""
    return app.is_running and app.return_code is None


def moments(chance: random.Random) -> Callable[..., Awaitable[None]]:
    async def moment(*_: float) -> None:
        await asyncio.sleep(chance.choice(MOMENTS_S))

    return moment


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("keys", type=int, nargs="?", default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sitting", type=int, default=0)
    options = parser.parse_args()
    pressed, began, number = 0, time.monotonic(), options.sitting
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)  # what is exported goes here
        damaged = create(Path(place, "runs"), CONFIG, "damaged", datetime.now(UTC))
        (damaged / "events.jsonl").write_bytes(b'{"event":"step","step":1e999}\n\xff[[[' * 50)
        while pressed < options.keys:
            state, chance = STATES[number % len(STATES)], random.Random(f"{options.seed} {number}")
            print(f"sitting {number:>4}  {state:<9}", end="", flush=True)
            with patch("textual.app.wait_for_idle", moments(chance)):
                pressed += await sitting(state, min(A_SITTING, options.keys - pressed), chance, Path(place))
            number += 1
            memory = (resident_bytes(os.getpid()) or 0) / 1e6
            print(f"{pressed:>7} keys {time.monotonic() - began:6.0f} s  {memory:.1f} MB", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
