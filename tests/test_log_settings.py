"""The settings with which the runs of a log were trained, from every store, and from the files beside a log."""

import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygpt_tui.engine.readers.log import open_log
from tinygpt_tui.engine.readers.plain_yaml import plain_yaml
from tinygpt_tui.engine.readers.setting_values import HIDDEN, MOST_SETTINGS, SettingValue, flat_settings_of
from tinygpt_tui.engine.readers.settings import settings_of
from tinygpt_tui.tui.cli.main import run_command
from tinygpt_tui.tui.comparison.compared_runs import ComparedRuns
from tinygpt_tui.tui.comparison.table import comparison_text
from tinygpt_tui.tui.navigation import OpenLog

from .store_files import config, event, events, history, hparams, message, simple, wandb
from .test_terminal_safety import HOSTILE

LOSSES = [4.0 - place / 10 for place in range(20)]
CSV = "step,loss\n" + "".join(f"{step},{loss}\n" for step, loss in enumerate(LOSSES))


def settings(path: Path, run: str = "") -> dict[str, SettingValue]:
    with closing(open_log(path.name, path)) as log:
        return settings_of(log, path, run)


def event_file(*summaries: bytes) -> bytes:
    return events(*(event(0, one) for one in summaries), *(event(s, simple("loss", v)) for s, v in enumerate(LOSSES)))


def wandb_run(path: Path, lr: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [history({"loss": loss, "_step": step}) for step, loss in enumerate(LOSSES)]
    begun = config({"lr": 1.0, "model": {"depth": 2}, "_wandb": {"x": 1}}, of_run=True)
    path.write_bytes(wandb([begun, config({"lr": lr}), *rows]))
    return path


def test_a_file_of_wandb_holds_them_and_what_was_updated_counts(tmp_path: Path) -> None:
    path = wandb_run(tmp_path / "run-a.wandb", 0.1)
    assert settings(path) == {"lr": 0.1, "model/depth": 2}
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "config.yaml").write_text(
        "lr:\n  value: 9\nseed:\n  desc: null\n  value: 5\n_wandb:\n  value: {}\n"
    )
    assert settings(path) == {"lr": 0.1, "model/depth": 2, "seed": 5}


def test_each_run_of_a_store_has_its_own(tmp_path: Path) -> None:
    for name, lr in (("run-a", 0.1), ("run-b", 0.2)):
        wandb_run(tmp_path / name / f"{name}.wandb", lr)
    assert [settings(tmp_path, run)["lr"] for run in ("run-a", "run-b", "run-b 2")] == [0.1, 0.2, 0.2]
    assert not settings(tmp_path, "no such run")


def test_hparams_of_tensorboard_stand_in_the_runs_file_or_in_a_folder_below(tmp_path: Path) -> None:
    stated = {"lr": 0.1, "kind": "sgd", "clips": True}
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "events.out.tfevents.1").write_bytes(event_file(hparams(stated)))
    assert settings(tmp_path / "a") == stated
    for place, summaries in (("b", []), ("b/17.5", [hparams(stated)])):
        (tmp_path / place).mkdir()
        (tmp_path / place / "events.out.tfevents.1").write_bytes(event_file(*summaries))
    assert settings(tmp_path / "b", ".") == settings(tmp_path, "b") == stated


def test_params_of_mlflow_in_files_and_in_a_database(tmp_path: Path) -> None:
    run = tmp_path / "mlruns" / "0" / "abc"
    for folder in ("metrics", "params"):
        (run / folder).mkdir(parents=True)
    lines = "".join(f"{1700000000000 + step} {loss} {step}\n" for step, loss in enumerate(LOSSES))
    (run / "metrics" / "loss").write_text(lines)
    (run / "params" / "lr").write_text("0.1")
    assert settings(run) == {"lr": 0.1}
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as base, base:
        base.execute("create table metrics (key, value, timestamp, run_uuid, step, is_nan)")
        base.execute("create table params (key, value, run_uuid)")
        for uuid, lr in (("a", "0.1"), ("b", "1e-3")):
            base.execute("insert into params values ('lr', ?, ?)", (lr, uuid))
            rows = [("loss", loss, step, uuid, step, 0) for step, loss in enumerate(LOSSES)]
            base.executemany("insert into metrics values (?, ?, ?, ?, ?, ?)", rows)
    assert [settings(tmp_path / "mlflow.db", run) for run in "ab"] == [{"lr": 0.1}, {"lr": 0.001}]


def test_the_config_of_trackio(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    with closing(sqlite3.connect(path)) as base, base:
        base.execute("create table metrics (id integer primary key, timestamp, run_name, step, metrics)")
        base.execute("create table configs (id integer primary key, run_name, config, created_at)")
        base.execute("insert into configs values (1, 'a', ?, '')", (json.dumps({"lr": 0.1, "_Username": "me"}),))
        for step, loss in enumerate(LOSSES):
            base.execute("insert into metrics values (null, '', 'a', ?, ?)", (step, json.dumps({"loss": loss})))
    assert settings(path) == {"lr": 0.1}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("hparams.yaml", "lr: 0.1\nmodel:\n  depth: 2\n"),  # Lightning
        ("args.yaml", "model:\n    depth: 2\nlr: 1e-1   # initial\n"),  # Ultralytics
        (".hydra/config.yaml", "lr: '0.1'\nmodel: !!python/object:os.system\n  depth: 2\n"),
        ("args.json", '{"lr": 0.1, "model": {"depth": 2.0}}'),
    ],
)
def test_files_that_trainers_write_beside_a_log(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "metrics.csv").write_text(CSV)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    assert settings(tmp_path / "metrics.csv") == {"lr": 0.1, "model/depth": 2}


def test_a_document_states_them_beside_its_entries(tmp_path: Path) -> None:
    history = [{"step": step, "loss": loss} for step, loss in enumerate(LOSSES)]
    state = {"log_history": history, "max_steps": 20, "train_batch_size": 8, "args": {"lr": 0.1}}
    (tmp_path / "trainer_state.json").write_text(json.dumps(state))
    assert settings(tmp_path / "trainer_state.json") == {"lr": 0.1, "max_steps": 20, "train_batch_size": 8}


def test_they_are_compared_and_reported(tmp_path: Path) -> None:
    paths = [wandb_run(tmp_path / name / f"{name}.wandb", lr) for name, lr in (("a", 0.1), ("b", 0.2))]
    compared = ComparedRuns([OpenLog(path, path.name) for path in paths])
    compared.read()
    runs = compared.runs()
    compared.close()
    assert [line.split() for line in comparison_text(runs, runs[0]).splitlines()[-2:]] == [
        ["setting", "A", "B"], ["lr", "0.1", "0.2"]
    ]  # fmt: skip
    assert run_command(["export", str(paths[1]), "--to", str(tmp_path / "r.html")]) == 0
    assert "<tr><th>lr</th><td>0.2</td></tr>" in (tmp_path / "r.html").read_text()


def test_settings_of_other_programs_do_not_bury_those_that_are_shared(tmp_path: Path) -> None:
    for name, other in (("a", "x"), ("b", "y")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "log.csv").write_text(CSV)
        own = {f"{other}{place}": place for place in range(50)} | {HOSTILE: other, "lr": other}
        (tmp_path / name / "args.json").write_text(json.dumps(own))
    compared = ComparedRuns([OpenLog(tmp_path / name / "log.csv", name) for name in "ab"])
    compared.read()
    lines = comparison_text(compared.runs(), compared.runs()[0]).splitlines()
    compared.close()
    assert lines[lines.index("") + 3].split() == ["lr", "x", "y"] and lines[-1] == "and 62 more"
    assert "\x1b" not in "".join(lines)


def test_a_password_is_not_shown_and_a_token_of_the_vocabulary_is() -> None:
    assert flat_settings_of({"api_key": "x", "hub_token": "y", "eos_token_id": 2, "max_tokens": 9}) == {
        "api_key": HIDDEN, "hub_token": HIDDEN, "eos_token_id": 2, "max_tokens": 9
    }  # fmt: skip


def test_however_deep_or_many_they_are_they_are_bounded(tmp_path: Path) -> None:
    deep = "".join(f"{' ' * depth}k:\n" for depth in range(1000))
    many = json.dumps({f"k{place}": "v" * 1000 for place in range(3 * MOST_SETTINGS)})
    (tmp_path / "log.csv").write_text(CSV)
    (tmp_path / "hparams.yaml").write_text(deep)
    assert len(settings(tmp_path / "log.csv")) == 1
    assert len(flat_settings_of(json.loads(many))) == MOST_SETTINGS
    (tmp_path / "args.json").write_text(many)  # longer than any file of settings
    assert len(settings(tmp_path / "log.csv")) == 1


@given(st.text(st.sampled_from("ab:- #'\"|>[]{}!&*\n\t\x1b0.1")))
def test_no_text_breaks_the_reader_of_settings(text: str) -> None:
    assert all(len(name) <= 200 for name in flat_settings_of(plain_yaml(text)))


def test_a_stream_has_what_it_holds_and_a_damaged_record_has_none(tmp_path: Path) -> None:
    rows = [history({"loss": loss}) for loss in LOSSES]
    with closing(open_log("x", io.BytesIO(wandb([config({"lr": 0.1}, of_run=True), *rows])))) as log:
        assert settings_of(log, tmp_path / "gone") == {"lr": 0.1}
    (tmp_path / "d.wandb").write_bytes(wandb([b"\x08\x01" + message(5, b"\x0a\xff"), *rows]))
    assert settings(tmp_path / "d.wandb") == {}
