"""The steps after which a rank waits for what rank 0 decides. A thread hears of them, so that a step costs no look."""

from collections.abc import Iterator
from contextlib import suppress
from queue import SimpleQueue
from threading import Lock, Thread

import msgspec

from ..events import Command, decode_command
from .rank_store import Do, GoOn, Meet, Message, RankReport, RankStore, RollCall

LEAVE_S = 1.0
"""How long the end of a program may take to tell rank 0 of it."""


class Meetings:
    """Until rank 0 ends them, is not heard of for a minute, or the store is gone."""

    def __init__(self, store: RankStore, report: RankReport) -> None:
        self.is_time_asked = False
        """Whether rank 0 has asked how long a step takes."""
        self._store = store
        self._report = report
        self._steps: list[int] = []
        """After which a meeting is agreed, the next first: one that has been proposed, and one after it."""
        self._taken = 0
        self._instructions: SimpleQueue[Do | GoOn | None] = SimpleQueue()
        """Of the next meeting, up to GoOn; None at the end of all."""
        self._busy_s: float | None = None
        self._call = 0
        self._has_left = False
        self._words = ""
        self._lock = Lock()
        self._thread = Thread(target=self._listen, name="tinygpt-tui rank", daemon=True)
        self._thread.start()

    def take_step(self) -> bool:
        """Whether there is a meeting after this step."""
        with self._lock:
            self._taken += 1
            return bool(self._steps) and self._taken >= self._steps[0]

    def commands(self) -> Iterator[Command]:
        """What is to be done at this meeting, as it is decided; ends when it does."""
        while isinstance(instruction := self._instructions.get(), Do):
            yield decode_command(instruction.command)
        if instruction is None:
            self._instructions.put(None)
        with self._lock:
            del self._steps[:1]

    def tell_time(self, busy_s: float | None) -> None:
        """Seconds of a step, if they are known now."""
        self.is_time_asked = False
        self._busy_s = self._busy_s if busy_s is None else busy_s

    def leave(self, words: str) -> None:
        """`words`: the error that ends the program, if one does. The first call counts."""
        if not self._has_left:
            self._words, self._has_left = words, True
            leaving = Thread(target=self._leave, name="tinygpt-tui rank leaves", daemon=True)
            leaving.start()
            leaving.join(LEAVE_S)

    def _leave(self) -> None:
        with suppress(RuntimeError):
            self._tell()
            self._store.wake()
        self._thread.join()

    def _listen(self) -> None:
        with suppress(RuntimeError, msgspec.DecodeError):
            while not self._has_left and self._hear(self._store.receive()):
                pass
        self._instructions.put(None)

    def _hear(self, message: Message) -> bool:
        """Whether there may be another."""
        match message:
            case RollCall(number=number):
                self.is_time_asked = True
                self._call = number
                self._tell()
            case Meet(number=number, step=step):
                if self._agrees(step):
                    self._store.agree(number)
                else:
                    self._store.decline(number, self._taken)
            case Do() | GoOn():
                self._pass_on(message)
            case _:
                return False
        return True

    def _tell(self) -> None:
        with self._lock:
            report = msgspec.structs.replace(
                self._report,
                call=self._call,
                steps=self._taken,
                busy_s=self._busy_s,
                has_left=self._has_left,
                words=self._words,
            )
            self._store.report(report)

    def _agrees(self, step: int) -> bool:
        with self._lock:
            if self._taken >= step:
                return False
            self._steps = [*(each for each in self._steps if each < step), step]
            return True

    def _pass_on(self, instruction: Do | GoOn) -> None:
        """Of a meeting that was agreed here."""
        with self._lock:
            if instruction.step not in self._steps:
                return
            self._instructions.put(instruction)
            if isinstance(instruction, GoOn) and instruction.until is not None:
                self._steps.append(instruction.until)
