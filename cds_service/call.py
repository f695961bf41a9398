"""One request on its way through the house."""

from dataclasses import dataclass, field

from cds_service.stopwatch import Stopwatch
from cds_service.trust import Caller
from lamo.deadline import Deadline


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Who calls, under which id, by when the answer is wanted, and what took how long."""

    caller: Caller
    request_id: str
    deadline: Deadline  # of the answer, the record of it included
    watch: Stopwatch = field(default_factory=Stopwatch)
