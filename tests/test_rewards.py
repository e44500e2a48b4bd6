"""A log of rewards alone is judged by them: a collapse is found, and nothing is called a loss."""

import json
import math
import random
from pathlib import Path

import pytest

from tinygpt_tui.engine.readers.source import ReadError
from tinygpt_tui.tui.cli.diagnose import LogDiagnosis, diagnose_log
from tinygpt_tui.tui.cli.diagnosis_text import DiagnosisPage

ROWS = 120


def reward_at(row: int, draw: random.Random, *, collapses: bool) -> float:
    learned = 180 * (1 - math.exp(-row / 15))
    return (10 if collapses and row > 80 else 10 + learned) + draw.gauss(0, 8)


def written(folder: Path, name: str, *, collapses: bool, seed: int = 1) -> Path:
    draw = random.Random(seed)
    rewards = [reward_at(row, draw, collapses=collapses) for row in range(ROWS)]
    path = folder / name
    match path.suffix:
        case ".csv":
            lines = [f"{99 + row % 7},{reward:.4g},{2048 * (row + 1)}" for row, reward in enumerate(rewards)]
            path.write_text("\n".join(["rollout/ep_len_mean,rollout/ep_rew_mean,time/total_timesteps", *lines]))
        case ".jsonl":
            path.write_text("".join(json.dumps({"episode": r, "reward": v}) + "\n" for r, v in enumerate(rewards)))
        case _:
            path.write_text("".join(f"Episode {r}\tAverage Reward: {v:.2f}\n" for r, v in enumerate(rewards)))
    return path


def diagnosed(path: Path) -> LogDiagnosis:
    return diagnose_log(str(path), path.parent, {})


@pytest.mark.parametrize("name", ["progress.csv", "log.jsonl", "train.log"])
def test_a_policy_that_collapses_is_a_finding_in_words_of_rewards(name: str, tmp_path: Path) -> None:
    diagnosis = diagnosed(written(tmp_path, name, collapses=True))
    (run,) = diagnosis.runs.values()
    (found,) = run.report.findings
    assert (found.kind, found.title) == ("divergence", "Collapse of the policy")
    page = DiagnosisPage(width=100, is_ascii=True)(diagnosis)
    assert "the mean reward is" in page and "reward last" in page and "loss" not in page
    assert run.report.rows == ROWS and "reward" in diagnosis.log.columns


@pytest.mark.parametrize("name", ["progress.csv", "log.jsonl", "train.log"])
def test_a_policy_that_learns_is_none_and_the_report_states_what_was_not_judged(name: str, tmp_path: Path) -> None:
    (run,) = diagnosed(written(tmp_path, name, collapses=False)).runs.values()
    assert run.report.findings == ()
    assert run.report.blind == (
        "all but a collapse of the policy: the reward is all that was measured of how it learns",
    )


def test_a_reward_can_be_chosen_by_hand_where_no_name_says_it(tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_text("step,score_x,other\n" + "".join(f"{i},{i / 9:.3f},1.5\n" for i in range(20)))
    with pytest.raises(ReadError, match="--map reward=NAME"):
        diagnosed(path)
    given = diagnose_log(str(path), tmp_path, {"reward": "score_x"})
    assert given.log.columns == {"reward": "score_x"} and given.runs[""].report.rows == 20
