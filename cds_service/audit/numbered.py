"""Whether the events of every process are numbered without gaps; see counting.py."""

from cds_service.audit.database import POOL_SIZE
from cds_service.audit.findings import Findings


class Numbered:
    """Sees the number of every event once, in any order."""

    def __init__(self, findings: Findings) -> None:
        """Take where to tell what does not fit."""
        self._findings = findings
        self._whole_to: dict[str, int] = {}  # by process: up to here nothing is missing
        self._ahead: dict[str, set[int]] = {}  # what was seen above that

    def see(self, where: str, process: str, number: int) -> None:
        """Take the number of one event."""
        if not self._add(process, number):
            self._findings.add("workers", f"{where}: number {number} of process {process} again")

    def skip(self, process: str, number: int) -> None:
        """Take a number that was told as unused; after a commit of unknown end it may be one."""
        self._add(process, number)

    def lacks(self, where: str, is_behind: bool = False) -> None:
        """Take an event without a number: after the first with one there may be none.

        Args:
            where: it stands.
            is_behind: an event with a number comes before it; what was seen here counts as well.
        """
        if is_behind or self._ahead:
            self._findings.add("workers", f"{where}: has no number of a process")

    def end(self) -> None:
        """Tell what is missing. At its end a process that was killed leaves gaps as well."""
        for worker, ahead in self._ahead.items():
            if not ahead:
                continue
            first, newest = self._whole_to[worker] + 1, max(ahead)
            tail = range(max(first, newest - POOL_SIZE), newest)
            late = [number for number in tail if number not in ahead]
            # counted, not listed: whoever writes a number may write any number
            if lost := newest - first - len(ahead) + 1 - len(late):
                self._findings.add(
                    "workers", f"process {worker}: {lost} events missing, first {first}"
                )
            if late:
                self._findings.notes.append(
                    f"process {worker}: {len(late)} of its last {POOL_SIZE} events missing, first "
                    f"{late[0]}: being written now, or lost when it was killed"
                )

    def _add(self, worker: str, number: int) -> bool:
        ahead = self._ahead.setdefault(worker, set())
        whole_to = self._whole_to.setdefault(worker, 0)
        if number <= whole_to or number in ahead:
            return False
        ahead.add(number)
        while whole_to + 1 in ahead:
            whole_to += 1
            ahead.remove(whole_to)
        self._whole_to[worker] = whole_to
        return True
