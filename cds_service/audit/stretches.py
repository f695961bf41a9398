"""Checking the stretches of a log side by side, a process for each processor."""

import multiprocessing
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor

from sqlalchemy import Connection, text

from cds_service.audit.leaves import Checked, Stretch, check_elsewhere, check_stretch


def checked_stretches(
    connection: Connection, database_url: str, stretches: Sequence[Stretch]
) -> Iterator[Checked]:
    """What was found of each, in order. A single one is checked in this process.

    Args:
        connection: in a transaction, whose state of the log all processes see.
        database_url: of the same database.
        stretches: all of the log.
    """
    if len(stretches) < 2:
        yield from (check_stretch(connection, stretch) for stretch in stretches)
        return
    snapshot = None
    if connection.dialect.name == "postgresql":
        snapshot = connection.scalar(text("SELECT pg_export_snapshot()"))
    spawn = multiprocessing.get_context("spawn")  # a fork would share this connection
    count = min(len(stretches), os.cpu_count() or 1)
    with ProcessPoolExecutor(count, mp_context=spawn) as processes:
        begun: deque[Future[Checked]] = deque()
        for stretch in stretches:
            begun.append(processes.submit(check_elsewhere, database_url, snapshot, stretch))
            if len(begun) > 2 * count:  # results wait in memory
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
