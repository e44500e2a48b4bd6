"""A run of a million steps in the whole app, in a real pseudo-terminal: opens, zooms, follows; time and memory of each.

python tests/bench/long_run.py [steps]
"""

import asyncio
import json
import math
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from screen import Terminal, terminal

from tinygpt_tui.engine.client.opening import start
from tinygpt_tui.engine.config import LiveSettings, RunConfig
from tinygpt_tui.engine.events import LimitSpeed, RunEnded, RunStarted, StepFinished, encode
from tinygpt_tui.engine.storage.run_folder import find_worker
from tinygpt_tui.engine.storage.run_store import create
from tinygpt_tui.tui.plots.draw import draw_figure
from tinygpt_tui.tui.plots.viewport import Viewport
from tinygpt_tui.tui.run.process_memory import resident_bytes
from tinygpt_tui.tui.view.figures import gradient_figure, loss_figure, lr_figure
from tinygpt_tui.tui.view.run_view import RunView

STEPS = 1_000_000
RUN = "long-1"
SPIKE, NAN = 0.37, 0.81
"""Where in the run one step leaps and another is not a number."""
SCRIPTED_WORKER = (sys.executable, "-P", str(Path(__file__).parents[1] / "scripted_loop.py"), "train")
NEW_STEPS_PER_S = 100.0


def events(config: RunConfig, steps: int) -> Iterator[RunStarted | StepFinished | RunEnded]:
    chance = random.Random(0)
    yield RunStarted(
        step=0,
        steps=config.training.steps,
        parameters=120_000,
        flops_per_token=720_000.0,
        train_tokens=900_000,
        val_tokens=100_000,
        corpus="a scripted corpus",
        fingerprint="0",
        device="cpu",
        precision="fp32",
        threads=1,
        compiled=False,
        pid=0,
        settings=LiveSettings.from_config(config),
        time=0.0,
    )
    for step in range(1, steps + 1):
        loss = 2 + 3.5 * math.exp(-step / 20_000) + chance.gauss(0, 0.1)
        loss = 12.0 if step == int(SPIKE * steps) else math.nan if step == int(NAN * steps) else loss
        yield StepFinished(
            step=step,
            loss=loss,
            lr=1e-3,
            tokens=256 * step,
            tokens_per_s=6e4,
            grad_norm=chance.lognormvariate(-0.3, 0.3),
            clipped=False,
            grad_max=0.05,
            grad_min=1e-9,
            param_norm=20.0,
            update_ratio=1e-3,
            time=0.01 * step,
        )
    yield RunEnded(step=steps, reason="stopped", time=0.01 * steps)


def write_run(runs: Path, steps: int) -> Path:
    """As a worker would have left it; the scripted loop can take it up."""
    config = RunConfig(title="A long run")
    config = replace(config, training=replace(config.training, steps=100 * steps))
    run = create(runs, config, "long", datetime.now(UTC))
    with (run / "events.jsonl").open("wb") as log:
        for seq, event in enumerate(events(config, steps)):
            fields = json.loads(encode(event)) | {"seq": seq, "time": event.time}
            log.write(json.dumps(fields).encode() + b"\n")
    (run / "step.json").write_text(json.dumps(steps))
    return run


def measure_drawing(steps: int) -> None:
    """A redraw after decimation, on the largest panels of a 160x45 screen, at every zoom."""
    config = RunConfig(title="A long run")
    view = RunView.of(config).after_all(list(events(config, steps)))
    for figure in (loss_figure, gradient_figure, lr_figure):
        times: list[float] = []
        for zoom in range(16):
            viewport = Viewport()
            for _ in range(zoom):
                viewport = viewport.zoom(1, view.curves.extent)
            for again in range(4):
                began = time.thread_time()
                draw_figure(figure(view, viewport), 102, 20)
                times += [time.thread_time() - began] if again else []  # the first one smooths the whole curve
        print(f"{figure.__name__}: median {1e3 * statistics.median(times):.1f} ms, worst {1e3 * max(times):.1f} ms")


def press(screen: Terminal, key: str, shows: bytes) -> float:
    screen.drain(0.4)
    screen.press(key)
    return screen.wait_for(shows, 30)


def measure_app(home: Path, steps: int) -> None:
    run = write_run(home / "runs", steps)
    print(f"log of {steps} steps: {(run / 'events.jsonl').stat().st_size / 1e6:.0f} MB")
    with terminal(["attach", RUN], home) as screen:
        opened = screen.wait_for(rb"step %d/" % steps, 120)
        screen.drain(2)
        keys = [press(screen, *what) for what in (("e", rb"mean of 100\D"), ("E", rb"mean of 30\D"), ("l", rb"log y"))]
        keys += [press(screen, "+", rb"\xe2\xa0|\xe2\xa1|\xe2\xa2|\xe2\xa3") for _ in range(int(math.log2(steps / 16)))]
        keys += [press(screen, "\x1b[D", rb"step %d" % (steps - 1))]
        memory = (resident_bytes(screen.pid) or 0) / 1e6
        print(
            f"opens in {opened:.1f} s; a key to its frame: median {1e3 * statistics.median(keys):.0f} ms, "
            f"worst {1e3 * max(keys):.0f} ms of {len(keys)}; {memory:.0f} MB (bar 400)"
        )


def measure_following(home: Path, steps: int) -> None:
    run = home / "runs" / RUN

    async def take_up() -> None:
        worker = await start(run, SCRIPTED_WORKER)
        await worker.send(LimitSpeed(steps_per_s=NEW_STEPS_PER_S))
        await worker.close()

    asyncio.run(take_up())
    worker = find_worker(run)
    try:
        with terminal(["attach", RUN], home) as screen:
            opened = screen.wait_for(rb"step %d\d\d\d/" % (steps // 1000), 180)
            screen.drain(5)
            used = screen.processor_s()
            screen.drain(10)
            share, memory = (screen.processor_s() - used) / 10, (resident_bytes(screen.pid) or 0) / 1e6
            print(f"attaches in {opened:.1f} s and follows with {share:.1%} of a core, {memory:.0f} MB (bar 400)")
    finally:
        if worker:
            os.kill(worker.pid, signal.SIGKILL)


def main() -> None:
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else STEPS
    measure_drawing(steps)
    with tempfile.TemporaryDirectory() as home:
        measure_app(Path(home), steps)
        measure_following(Path(home), steps)


if __name__ == "__main__":
    main()
