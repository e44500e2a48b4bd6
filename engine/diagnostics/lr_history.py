"""The learning rate of the rows so far: how high it was, when it was restarted, and since when it moves nothing."""

LR_RISE = 1.001
"""A learning rate must grow by more than rounding to be rising."""
SPENT = 0.01
"""Share of its highest value at which an lr no longer moves the loss."""
RESTART_FROM, RESTART_TO = 0.1, 0.5
"""Shares of the highest lr between which it leaps at a warm restart (Loshchilov and Hutter 2017)."""
RESTARTED = 20
"""Rows after a restart in which a higher loss is its work."""


class LrHistory:
    def __init__(self) -> None:
        self.now: float | None = None
        self.top = 0.0
        self.restarted = -RESTARTED
        """The row of the last warm restart."""
        self.spent_since: int | None = None
        """The step since when it has been at most 1% of its highest value."""

    def of_new_rows(self) -> "LrHistory":
        """The same where rows are counted anew; a restart before them is forgotten."""
        new = LrHistory()
        new.now, new.top, new.spent_since = self.now, self.top, self.spent_since
        return new

    def follow(self, lr: float, row: int, step: int) -> bool:
        """Whether it has risen."""
        before, top = self.now, self.top
        has_risen = False
        if before is not None and lr > LR_RISE * before:
            has_risen = True
            if before <= RESTART_FROM * top and RESTART_TO * top <= lr <= LR_RISE * top:
                self.restarted = row
        self.now = lr
        if lr > top:
            self.top = top = lr
        if lr > SPENT * top or top == 0:
            self.spent_since = None
        elif self.spent_since is None:
            self.spent_since = step
        return has_risen

    @property
    def is_up(self) -> bool:
        """Whether it is at least half of its highest value; a lower one explains a flat curve."""
        return self.now is not None and self.now >= 0.5 * self.top

    @property
    def is_spent(self) -> bool:
        """Whether it is at most 1% of its highest value."""
        return self.now is not None and self.now <= SPENT * self.top

    def is_restarted(self, row: int) -> bool:
        """Whether it has just leapt from next to nothing to near its highest value: a planned restart."""
        return row - self.restarted < RESTARTED
