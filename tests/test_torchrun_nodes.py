"""A loop on two machines, here network namespaces: it is led as on one, and a lost rank is named with its host."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attached_runs import stored, until
from tests.test_torchrun import LOOP, START_S, lines, require_the_same_in_both, rows
from tinygpt_tui.engine.events import RunEnded

FIRST, SECOND = f"tg{os.getpid()}a", f"tg{os.getpid()}b"
"""Names of the namespaces, of their ends of the cable and of the hosts."""
CABLE = f"""
ip netns add {FIRST}
ip netns add {SECOND}
ip link add {FIRST} netns {FIRST} type veth peer name {SECOND} netns {SECOND}
ip -n {FIRST} addr add 10.77.0.1/24 dev {FIRST}
ip -n {SECOND} addr add 10.77.0.2/24 dev {SECOND}
for host in {FIRST} {SECOND}; do ip -n $host link set lo up; ip -n $host link set $host up; done
ip netns exec {SECOND} unshare --uts true
"""


@pytest.fixture
def cable() -> Iterator[None]:
    laid = subprocess.run(["sh", "-ec", CABLE], capture_output=True, text=True, check=False)
    try:
        if laid.returncode:
            pytest.skip(f"no two network namespaces can be made: {laid.stderr.strip() or laid.returncode}")
        yield
    finally:
        for host in (FIRST, SECOND):
            subprocess.run(["ip", "netns", "del", host], capture_output=True, check=False)


def node(rank: int, host: str, folder: Path) -> "subprocess.Popen[bytes]":
    job = f"{sys.executable} -m torch.distributed.run --nnodes 2 --node-rank {rank} --nproc-per-node 1"
    script = f"hostname {host}; exec {job} --master-addr 10.77.0.1 --master-port 29500 {LOOP} {folder}"
    with (folder / f"log-{rank}").open("wb") as log:
        return subprocess.Popen(
            ["ip", "netns", "exec", host, "unshare", "--uts", "sh", "-c", script],
            env=os.environ | {"GLOO_SOCKET_IFNAME": host},
            stdout=log,
            stderr=log,
        )


@pytest.mark.usefixtures("cable")
def test_a_job_on_two_machines_is_led_by_rank_0_and_a_lost_rank_is_named(tmp_path: Path) -> None:
    nodes = [node(0, FIRST, tmp_path), node(1, SECOND, tmp_path)]
    try:
        require_the_same_in_both(tmp_path / "stopped")
        folder = tmp_path / "killed"
        until(lambda: len(rows(folder, 1)) > 3, seconds=START_S)
        victim = int(lines(folder, 1)[0])
        os.kill(victim, signal.SIGKILL)
        until(lambda: isinstance(stored(folder / "loop-1")[-1], RunEnded))
        end = stored(folder / "loop-1")[-1]
        assert isinstance(end, RunEnded) and end.reason == "failed"
        assert end.detail.startswith(f"rank 1 (process {victim} on {SECOND}) does not answer any more")
        assert all(each.wait(START_S) for each in nodes)
    finally:
        for each in nodes:
            each.terminate()
            each.wait()
