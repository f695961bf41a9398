"""Event ids sort in the order in which they were made."""

import uuid
from concurrent.futures import ThreadPoolExecutor

from cds_service.audit.ids import EventIds, new_event_id


def test_an_id_is_a_uuid_of_version_7_and_holds_the_time() -> None:
    made = uuid.UUID(EventIds(now_ms=lambda: 1_700_000_000_123).new())

    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == 1_700_000_000_123


def test_ids_grow_within_a_millisecond_and_when_the_clock_steps_back() -> None:
    moments = iter([5, 5, 5, 3, 4, 6])
    ids = EventIds(now_ms=lambda: next(moments))

    made = [ids.new() for _ in range(6)]

    assert made == sorted(set(made))


def test_threads_never_get_the_same_id() -> None:
    with ThreadPoolExecutor(max_workers=8) as threads:
        made = list(threads.map(lambda _: new_event_id(), range(4000)))

    assert len(set(made)) == 4000
