"""`tinygpt-tui run -- COMMAND`: its output is watched, its exit status is passed on, its trainers attach themselves."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tinygpt_tui.engine.events import RunEnded, StepFinished
from tinygpt_tui.engine.following.child_program import ChildProgram
from tinygpt_tui.engine.storage.event_log import all_events
from tinygpt_tui.tui.app import TinyGPTApp
from tinygpt_tui.tui.navigation import OpenLog
from tinygpt_tui.tui.run.leave_dialog import LeaveDialog
from tinygpt_tui.tui.run.screen import RunScreen

from .test_run_screen import until

TRAINER = """
class Handler:
    def __init__(self):
        self.callbacks = []

class Trainer:
    def __init__(self, steps):
        self.steps = steps
        self.callback_handler = Handler()

    def add_callback(self, callback):
        self.callback_handler.callbacks.append(callback)

    def call(self, event, state, control, **more):
        for each in self.callback_handler.callbacks:
            getattr(each, event)(Arguments, state, control, **more)

    def train(self):
        state, control = State(), State()
        state.global_step, state.max_steps = 0, self.steps
        control.should_evaluate = control.should_save = control.should_training_stop = False
        self.call("on_train_begin", state, control)
        for _ in range(self.steps):
            self.call("on_step_begin", state, control)
            self.call("on_pre_optimizer_step", state, control)
            state.global_step += 1
            self.call("on_log", state, control, logs={"loss": 1.0 / state.global_step})
        self.call("on_train_end", state, control)

class State:
    pass

class Arguments:
    per_device_train_batch_size = gradient_accumulation_steps = seed = 1
"""
"""As much of Hugging Face's as a callback meets."""
CALLBACKS = "class TrainerCallback: pass\nTrainerControl = TrainerState = TrainingArguments = object\n"
SCRIPT = "import sys; from transformers.trainer import Trainer; Trainer(3).train(); print('trained'); sys.exit(5)"


def run(folder: Path, *command: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    code = "from tinygpt_tui.tui.cli.main import main; main()"
    own = filter(None, [path and str(path), os.environ.get("PYTHONPATH")])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(own), "TINYGPT_TUI_RUNS": str(folder)}
    arguments = [sys.executable, "-c", code, "run", "--headless", "--", *command]
    return subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False, env=environment)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A folder with a library `transformers`, and with a sitecustomize of its own."""
    package = tmp_path / "library" / "transformers"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(CALLBACKS)
    (package / "trainer.py").write_text(TRAINER)
    (package.parent / "sitecustomize.py").write_text("print('the other one')\n")
    return package.parent


def test_a_trainer_attaches_itself_and_the_status_is_that_of_the_program(library: Path, tmp_path: Path) -> None:
    done = run(tmp_path / "runs", sys.executable, "-c", SCRIPT, path=library)
    assert (done.returncode, done.stdout) == (5, "the other one\n" * 2 + "trained\n"), done.stderr  # ours is the first
    stored = list(all_events(tmp_path / "runs" / "transformers-1"))
    assert [event.loss for event in stored if isinstance(event, StepFinished)] == [1.0, 1 / 2, 1 / 3]
    assert isinstance(stored[-1], RunEnded) and stored[-1].reason == "finished"


def test_a_library_that_is_not_as_expected_is_left_alone(library: Path, tmp_path: Path) -> None:
    (library / "transformers" / "__init__.py").write_text("")
    (library / "transformers" / "trainer.py").write_text(TRAINER.replace("def add_callback", "def add"))
    done = run(tmp_path / "runs", sys.executable, "-c", SCRIPT, path=library)
    assert done.returncode == 5 and done.stdout.endswith("trained\n") and "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_signal_and_a_command_that_is_none_have_a_status_too(tmp_path: Path) -> None:
    assert run(tmp_path, "sh", "-c", "kill -9 $$").returncode == 128 + 9
    missing = run(tmp_path, "no-such-program")
    assert missing.returncode == 2 and missing.stderr.count("\n") == 1 and "no-such-program" in missing.stderr


def test_numbers_that_no_line_holds_do_not_matter(tmp_path: Path) -> None:
    done = run(tmp_path, "sh", "-c", "echo hello; echo oops >&2; exit 4")
    assert done.returncode == 4 and done.stdout.split() == ["hello", "oops"]


PRINTS = "import time\nfor step in range(1, 10**6):\n print(f'step {step} loss {1 / step}')\n time.sleep(0.01)"


@pytest.mark.parametrize(("answer", "goes_on"), [("s", False), ("l", True)])
async def test_quitting_asks_what_becomes_of_the_program(tmp_path: Path, answer: str, goes_on: bool) -> None:
    program = ChildProgram([sys.executable, "-c", PRINTS])
    log = OpenLog(program.output.path, "a program", program=program)
    app = TinyGPTApp(tmp_path / "runs", settings_file=tmp_path / "settings.toml", destination=log)
    try:
        async with app.run_test(size=(120, 36)) as pilot:
            await until(
                pilot, lambda: isinstance(app.screen, RunScreen) and bool(app.screen.view and app.screen.view.step > 3)
            )
            await pilot.press("q")
            await until(pilot, lambda: isinstance(app.screen, LeaveDialog))
            await pilot.press(answer)
            await until(pilot, lambda: not app.is_running)
        if goes_on:
            assert program.is_running
        else:
            assert program.exit_status() == 130
    finally:
        program.end()
