"""Redraws leave nothing behind; the whole day of them is tests/bench/soak.py without a number."""

import re
import subprocess
import sys
from pathlib import Path

SOAK = Path(__file__).parent / "bench" / "soak.py"
ALLOWED_MB = 2.0


def test_a_thousand_redraws_leave_the_memory_as_it_was() -> None:
    said = subprocess.run([sys.executable, "-P", SOAK, "1000"], capture_output=True, text=True, check=True).stdout
    memory = [float(number) for number in re.findall(r"([\d.]+) MB", said)]
    assert len(memory) == 20
    assert memory[-1] - memory[len(memory) // 4] <= ALLOWED_MB
