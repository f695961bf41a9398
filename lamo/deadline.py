"""The one deadline of a call, passed from room to room."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field


class DeadlinePassed(Exception):  # noqa: N818 - a situation, named as such
    """The time of the call ran out before this step was done."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the monotonic clock, in seconds, after which work is no longer of use."""

    ends_at: float
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)

    @classmethod
    def after_ms(cls, ms: float, clock: Callable[[], float] = time.monotonic) -> "Deadline":
        """The deadline that ends `ms` milliseconds from now."""
        return cls(clock() + ms / 1000, clock)

    def left_s(self) -> float:
        """Seconds that are left; zero once it has passed, never negative."""
        return max(0.0, self.ends_at - self.clock())

    def share(self, part: float) -> "Deadline":
        """An earlier deadline, after that part (0 to 1) of the time that is left."""
        return Deadline(self.clock() + part * self.left_s(), self.clock)

    def earlier(self, seconds: float) -> "Deadline":
        """The deadline that ends so long before this one."""
        return Deadline(self.ends_at - seconds, self.clock)

    def at_least(self, seconds: float) -> "Deadline":
        """This deadline, or the one that leaves so many seconds from now where that is later."""
        return Deadline(max(self.ends_at, self.clock() + seconds), self.clock)

    def check(self, stage: str) -> None:
        """Raise DeadlinePassed, naming the stage, once no time is left."""
        if self.left_s() == 0:
            raise DeadlinePassed(f"no time was left for {stage}")
