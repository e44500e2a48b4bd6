"""Files that were made to cost time or memory, or to crash, get an answer or one line, in linear time."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tinygpt_tui.engine.readers import source
from tinygpt_tui.engine.readers.log import open_log
from tinygpt_tui.engine.readers.source import ReadError

HOSTILE: dict[str, Callable[[], bytes]] = {
    "colons": lambda: b":" * 160_000,
    "colons and spaces": lambda: b": " * 80_000,
    "equals": lambda: b"= " * 80_000,
    "words": lambda: b"a b c d e f g " * 20_000,
    "spaces": lambda: b"loss" + b" " * 160_000,
    "thousands": lambda: b"loss 1" + b",111" * 50_000,
    "a long key": lambda: b'{"' + b"k" * 4_000_000 + b'": 1, "loss": 2}\n{"loss": 1}\n',
    "many names": lambda: b",".join(b"n%d" % i for i in range(450_000)) + b"\n" + b"1," * 449_999 + b"1\n",
    "long lines": lambda: b"x" * 10_000_000 + b"\nstep 1 loss 2\n",
    "a long row": lambda: b"1," * 5_000_000,
    "huge integers": lambda: b'{"step": 1, "loss": 1' + b"0" * 400 + b'}\n{"step": 2, "loss": 1' + b"0" * 5000 + b"}\n",
    "huge steps": lambda: b'{"step": 1' + b"0" * 400 + b', "loss": 1}\n{"step": 2, "loss": 1}\n',
    "lists for names": lambda: b'{"run": [1], "split": {"a": 2}, "metric": [3], "step": 1, "loss": 1}\n' * 10,
    "nested": lambda: b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "brackets": lambda: b"[" * 4_000_000,
    "bars": lambda: b"|" * 1_000_000,
    "quotes": lambda: b'"' * 1_000_000,
    "unfinished bars": lambda: b"1/2 [>...] - loss: 0.5\n" * 100_000,
    "names of columns": lambda: b"step loss val_loss\n" * 100_000,
    "an endless block": lambda: b"".join(b"| n%d | 1 |\n" % i for i in range(30_000)),
    "zero frames": lambda: b"\x18\0\0\0\0\0\0\0abcd\x09brain.Event:2" + b"\0" * 8_000_000,
    "half frames": lambda: b"\x18\0\0\0\0\0\0\0abcd\x09brain.Event:2" + b"\1\1\1\0\0\0\0\0\0\0\0\0\x09" * 300_000,
    "random blocks": lambda: b":W&B\xe1\xbe\x00" + os.urandom(4_000_000),
}
SECONDS = 20.0
"""Each takes at most two on an idle machine; what grew with the square of the length took minutes."""


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_gets_an_answer_or_one_line_in_time(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "the.log"
    path.write_bytes(HOSTILE[kind]())
    began = time.process_time()
    try:
        assert all(row.values for _, row in open_log("the.log", path).rows(losses=True))
    except ReadError as error:
        assert "\n" not in str(error) and len(str(error)) < 1000
    assert time.process_time() - began < SECONDS


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read from /proc")
def test_a_flat_document_of_24_mb_and_a_sparse_file_of_2_gb_stay_within_memory(tmp_path: Path) -> None:
    (tmp_path / "flat.json").write_bytes(b"{" + b",".join(b'"key%d": %d' % (i, i) for i in range(1_250_000)) + b"}")
    with (tmp_path / "sparse.log").open("wb") as sparse:
        sparse.write(b"step 1 loss 2.5\n")
        sparse.truncate(2 << 30)
    program = (
        "import sys; from pathlib import Path; from tinygpt_tui.engine.readers.log import open_log\n"
        "try: print(sum(1 for _ in open_log('x', Path(sys.argv[1])).rows()))\n"
        "except ValueError as error: print(error)\n"
        "print(next(int(line.split()[1]) >> 10 for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    for name, most in (("flat.json", 450), ("sparse.log", 150)):
        command = [sys.executable, "-c", program, str(tmp_path / name)]
        ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
        answer, peak = ran.stdout.splitlines()
        assert answer and int(peak) < most, (name, answer, peak)


def test_a_pipe_that_nothing_writes_to_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "WRITER_WAIT", 0.05)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(ReadError, match=r"is a pipe that nothing has written to for 0\.05 s"):
        open_log("pipe", pipe)
