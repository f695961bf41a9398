import gc
import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cds_service.notes import reading_room_child
from cds_service.notes.reading_room import ReadingRoom
from fhir_mappings.attachments import UnreadText
from lamo.deadline import Deadline
from tests.processes import runs
from tests.waiting import wait_until

RTF = rb"{\rtf1 Allergies:\par penicillin}"
READ = "Allergies:\npenicillin"
# its font table takes striprtf minutes
ENDLESS = rb"{\rtf1 {\fonttbl" + rb"\f1" * 100_000 + b"}}"


@pytest.fixture
def room() -> Iterator[ReadingRoom]:
    made = ReadingRoom()
    yield made
    made.close()


def read(room: ReadingRoom, data: bytes = RTF, ms: float = 60_000) -> str:
    return room.text_of(data, "application/rtf", Deadline.after_ms(ms))


def is_there(process: int | None) -> bool:
    """Whether such a process runs, or waits for its parent as a zombie."""
    assert process is not None
    return Path(f"/proc/{process}").exists()


def kill(process: int | None) -> None:
    """Kill a process and wait until it runs no more; who reaps it is another question."""
    assert process is not None
    os.kill(process, signal.SIGKILL)
    wait_until(lambda: not runs(process))


def cpu_s(process: int | None) -> float:
    """Seconds of processor time that it has taken."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_until_at_work(room: ReadingRoom) -> None:
    """Return when the child has been at a document for a while."""
    begun_s = cpu_s(room.child_id)
    wait_until(lambda: cpu_s(room.child_id) > begun_s + 0.1)


def test_documents_are_read_by_one_child(room: ReadingRoom) -> None:
    assert read(room) == READ
    first = room.child_id
    assert (read(room), room.child_id) == (READ, first)


def test_what_the_child_refuses_is_unread_and_the_next_is_read(room: ReadingRoom) -> None:
    with pytest.raises(UnreadText, match="its text is empty"):
        read(room, rb"{\rtf1 }")
    assert read(room) == READ


def test_plain_text_and_refused_kinds_need_no_child(room: ReadingRoom) -> None:
    assert room.text_of(b"aspirin", "text/plain", Deadline.after_ms(0)) == "aspirin"
    with pytest.raises(UnreadText, match="it is an image"):
        room.text_of(b"", "image/png", Deadline.after_ms(0))
    with pytest.raises(UnreadText, match="it is larger than"):
        read(room, RTF * 200_000)
    assert room.child_id is None


def test_a_late_document_is_unread_and_its_child_is_gone(room: ReadingRoom) -> None:
    read(room)
    late = room.child_id
    with pytest.raises(UnreadText, match="it could not be read in time"):
        read(room, ENDLESS, ms=300)
    assert not is_there(late)
    assert read(room) == READ


def test_a_spare_reads_what_comes_behind_a_late_document(room: ReadingRoom) -> None:
    read(room)
    spare = room.spare_id
    with pytest.raises(UnreadText, match="it could not be read in time"):
        read(room, ENDLESS, ms=100)
    assert (read(room), room.child_id) == (READ, spare)
    assert room.spare_id not in (None, spare)


def test_a_spare_that_died_is_replaced_too(room: ReadingRoom) -> None:
    read(room)
    gone = [room.child_id, room.spare_id]
    for process in gone:
        kill(process)
    assert read(room) == READ
    assert not any(is_there(process) for process in gone)


def test_a_child_that_was_killed_is_replaced(room: ReadingRoom) -> None:
    read(room)
    killed = room.child_id
    kill(killed)
    assert read(room) == READ
    assert not is_there(killed)


def test_a_child_that_dies_at_work_leaves_its_document_unread(room: ReadingRoom) -> None:
    read(room)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(read, room, ENDLESS)
        wait_until_at_work(room)
        kill(room.child_id)
        with pytest.raises(UnreadText, match="more memory or time to read than is allowed"):
            asked.result()
    assert read(room) == READ


def test_the_child_has_its_limits_and_no_environment(room: ReadingRoom) -> None:
    read(room)
    about = Path(f"/proc/{room.child_id}")
    lines = about.joinpath("limits").read_text().splitlines()
    limits = {line[:25].strip(): line[26:].split()[0] for line in lines}
    assert limits["Max address space"] == str(reading_room_child.MEMORY)
    before_s = int(limits["Max cpu time"]) - reading_room_child.CPU_S
    assert 1 <= before_s <= math.ceil(cpu_s(room.child_id)) + 1
    assert (limits["Max core file size"], limits["Max file size"]) == ("0", "0")
    assert about.joinpath("environ").read_bytes().count(b"=") <= 1  # LC_CTYPE, which Python sets


def test_four_threads_get_each_their_own(room: ReadingRoom) -> None:
    with ThreadPoolExecutor(4) as pool:
        words = [f"note {number} " + "x" * 1000 * number for number in range(100)]
        texts = list(pool.map(lambda word: read(room, rb"{\rtf1 %b}" % word.encode()), words))
    assert texts == words


def test_a_thread_does_not_wait_for_others_past_its_deadline(room: ReadingRoom) -> None:
    read(room)
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(read, room, ENDLESS)
        wait_until_at_work(room)
        with pytest.raises(UnreadText, match="in time"):
            read(room, ms=50)
        assert not other.done()
        kill(room.child_id)
        with pytest.raises(UnreadText):
            other.result()


def test_a_fork_has_a_child_of_its_own(room: ReadingRoom) -> None:
    read(room)
    ours = room.child_id
    forked = os.fork()
    if forked == 0:
        is_right = False
        try:
            is_right = room.child_id is None and read(room) == READ and room.child_id != ours
            room.close()
        finally:
            os._exit(0 if is_right else 1)
    assert os.waitpid(forked, 0)[1] == 0
    assert (read(room), room.child_id) == (READ, ours)


def test_the_child_does_not_outlive_its_parent() -> None:
    program = f"""
import os
from cds_service.notes.reading_room import ReadingRoom
from lamo.deadline import Deadline
room = ReadingRoom()
room.text_of({RTF!r}, "text/rtf", Deadline.after_ms(60_000))
print(room.child_id, room.spare_id, flush=True)
os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    left = [int(process) for process in done.stdout.split()]
    wait_until(lambda: not any(map(runs, left)))
    assert len(left) == 2


def test_close_leaves_nothing_behind(room: ReadingRoom) -> None:
    read(room)
    closed = [room.child_id, room.spare_id]
    room.close()
    gc.collect()  # nor a warning of a pipe or a process left open
    assert not any(is_there(process) for process in closed)


def test_the_child_imports_none_of_the_service() -> None:
    program = """
import sys
from cds_service.notes import reading_room_child
from fhir_mappings.attachments import ccda, html, pdf, rtf
print(*{name.partition(".")[0] for name in sys.modules})
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    heavy = {"torch", "transformers", "flask", "sqlalchemy", "pydantic", "requests", "lamo"}
    assert not heavy & set(done.stdout.decode().split())
