"""What a CDS Service answered, read whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cds_service.audit.checkpoint import NoteRefused
from cds_service.audit.receipts import HEADER, parse_receipt

Json = dict[str, Any]

SERVER_TIMING = "Server-Timing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back to one request, or why nothing did."""

    url: str
    sent: bytes = field(default=b"", repr=False)  # the body
    token: str = field(default="", repr=False)
    status: int = 0  # 0: no HTTP answer
    headers: Mapping[str, str] = field(default_factory=dict)  # names in any case
    body: Any = None  # JSON, or the start of a text that is none
    problem: str | None = None  # what to tell a person; None when all went well
    ms: float = 0.0  # as the client waited

    @property
    def services(self) -> list[Json] | None:
        """What discovery lists; None where it lists nothing that can be read."""
        return self._listed("services")

    @property
    def cards(self) -> list[Json]:
        """The cards; none on an error."""
        return self._listed("cards") or []

    @property
    def diagnostics(self) -> str:
        """What an OperationOutcome says, in one line; empty where it is none."""
        if not isinstance(self.body, dict) or self.body.get("resourceType") != "OperationOutcome":
            return ""
        issues = [one for one in self.body.get("issue") or [] if isinstance(one, dict)]
        return "; ".join(plain(str(one.get("diagnostics", one.get("code")))) for one in issues)

    @property
    def receipt(self) -> str | None:
        """The receipt of the audit log, as the header has it."""
        return self.headers.get(HEADER)

    @property
    def event_id(self) -> str | None:
        """The id of the audit event that the call became, as its receipt and its cards name it."""
        try:
            return parse_receipt(self.receipt).event_id if self.receipt else None
        except NoteRefused:
            return None

    @property
    def stages(self) -> list[tuple[str, float]]:
        """Milliseconds by stage, as the header Server-Timing has them; `total` is the last."""
        told = self.headers.get(SERVER_TIMING, "").split(",")
        parts = [one.strip().split(";dur=") for one in told]
        return [(one[0], float(one[1])) for one in parts if len(one) == 2 and _is_number(one[1])]

    def _listed(self, name: str) -> list[Json] | None:
        found = self.body.get(name) if isinstance(self.body, dict) else None
        if self.problem is not None or not isinstance(found, list):
            return None
        return [one for one in found if isinstance(one, dict)]


def plain(text: str, *, keep_lines: bool = False) -> str:
    """Text without control characters, which could steer the terminal."""
    kept = "\n" if keep_lines else ""
    return "".join(letter for letter in text if letter.isprintable() or letter in kept)


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()
