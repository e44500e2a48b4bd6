"""Other programs are seen by what they take of the processors, and only threads beside them wait asleep."""

import os
from pathlib import Path

import pytest

from tinygpt_tui.engine.hosting.other_programs import OtherPrograms, let_threads_sleep

CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
pytestmark = pytest.mark.skipif(not CORES, reason="nothing tells it here")
TICKS = os.sysconf("SC_CLK_TCK")


class Machine:
    """A /proc whose clock stands still until it sleeps."""

    def __init__(self, proc: Path) -> None:
        self.proc, self.now = proc, 100.0
        self.all_s = self.ours_s = self.parent_s = 50.0
        self.during_sleep: dict[str, float] = {}
        """Seconds of processor time that are used then."""
        self.write()

    def write(self) -> None:
        used = round(self.all_s * TICKS)
        lines = [f"cpu  {used} 0 0 9 9 0 0 0 0 0", f"cpu{CORES[0]} {used - 3} 1 1 9 9 1 0 7 0 0", "intr 5", ""]
        (self.proc / "stat").write_text("\n".join(lines))
        for pid, seconds in ((os.getpid(), self.ours_s), (os.getppid(), self.parent_s)):
            (self.proc / str(pid)).mkdir(exist_ok=True)
            fields = ["S", *"0" * 10, str(round(seconds * TICKS)), "0", "0"]
            (self.proc / str(pid) / "stat").write_text(f"{pid} (a (strange) name) {' '.join(fields)}")

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        for name, used in self.during_sleep.items():
            setattr(self, name, getattr(self, name) + used * seconds)
        self.write()

    def cores(self, **during_sleep: float) -> float:
        others = OtherPrograms(self.proc, lambda: self.now, self.sleep)
        self.during_sleep = during_sleep
        return others.cores()


def test_what_this_program_and_the_one_that_started_it_use_is_not_others(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    assert machine.cores(all_s=2.0, ours_s=1.0, parent_s=1.0) == pytest.approx(0, abs=0.3)
    assert machine.cores(all_s=2.0, ours_s=0.5, parent_s=0.5) == pytest.approx(1, abs=0.3)
    assert machine.cores() == pytest.approx(0, abs=0.3)


def test_where_nothing_can_be_read_no_others_are_seen(tmp_path: Path) -> None:
    assert OtherPrograms(tmp_path / "none").cores() == 0
    (tmp_path / "stat").write_text("cpu0 what\n")
    assert OtherPrograms(tmp_path).cores() == 0


def test_this_machine_can_be_read() -> None:
    assert -1 <= OtherPrograms().cores() <= len(CORES) + 0.5


@pytest.mark.parametrize(
    ("cores", "given", "policy"),
    [(0.0, {}, None), (1.0, {}, "PASSIVE"), (1.0, {"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")],
)
def test_threads_sleep_beside_others_unless_somebody_has_said_otherwise(
    cores: float, given: dict[str, str], policy: str | None
) -> None:
    environment = dict(given)
    let_threads_sleep(cores, environment)
    assert environment.get("OMP_WAIT_POLICY") == policy
