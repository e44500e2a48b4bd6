"""A process that computes shares of batches: `python -m tinygpt_tui.engine.training.parallel.process`.

It is given its orders on its standard input, and keeps nothing from one step to the next. It ends with that input: a
run's first process may be killed, and none of the others is left then.
"""

import os
import signal
import sys
import tomllib
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING

from ...config import RunConfig
from ...toml_tables import build
from .orders import AddRows, BeginStep, JoinRun, Order, SendGradients, read_orders

if TYPE_CHECKING:
    from .share_worker import ShareWorker

READY = b"ready\n"
"""Printed when it has met the others."""


def compute_shares() -> None:
    """Until the input ends."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # these ask the first process
        signal.signal(number, signal.SIG_IGN)
    orders: SimpleQueue[Order] = SimpleQueue()
    Thread(target=_listen, args=(orders,), daemon=True).start()
    worker = _joined(orders.get())
    while True:
        match orders.get():
            case BeginStep() as order:
                worker.begin(order.dropout, order.seed)
            case AddRows() as order:
                worker.add(order)
            case SendGradients():
                worker.send()
            case JoinRun():
                raise ValueError("a process joins a run once")


def _listen(orders: SimpleQueue[Order]) -> None:
    """On a thread, so that the end of the first process is noticed whatever this one waits for."""
    for order in read_orders(sys.stdin.buffer):
        orders.put(order)
    os._exit(0)


def _joined(order: Order) -> "ShareWorker":
    from .share_worker import ShareWorker  # here, so that it is listened to while torch is imported

    assert isinstance(order, JoinRun)
    config = build(RunConfig, tomllib.loads(order.config), "")
    worker = ShareWorker(config, order.rank, Path(order.store))
    os.write(1, READY)
    os.dup2(2, 1)
    return worker


if __name__ == "__main__":
    compute_shares()
