"""One visit: what to look at and with what, and what several checks share."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

from cds_service.audit.checkpoint import PublicKey
from cds_service.cds_client.answer import Answer, Json
from cds_service.cds_client.client import DISCOVERY, CdsClient
from cds_service.doctor.made_up import HOOKS, occasion_of, own_chart
from cds_service.sandbox.firing import build_call

OURS = "lamo-"  # how the ids of our services begin


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the doctor was told."""

    client: CdsClient
    origin: str | None = None  # of the browser client that will call
    fhir_base: str | None = None  # of the server that calls without prefetch name
    fhir_token: str | None = field(default=None, repr=False)
    patient_id: str | None = field(default=None, repr=False)  # on that server
    log_keys: Sequence[PublicKey] = ()  # of the deployment's audit log
    clock: Callable[[], float] = time.time  # seconds since 1970


class Visit:
    """A plan, and the answers that more than one check looks at. Each is asked for once."""

    def __init__(self, plan: Plan) -> None:
        """Take the plan; nothing is asked yet."""
        self.plan = plan
        self.client = plan.client

    @cached_property
    def discovery(self) -> Answer:
        """The answer of discovery, as a registered client gets it."""
        return self.client.discovery()

    @property
    def services(self) -> Sequence[Json]:
        """The entries of discovery that are objects."""
        return self.discovery.services or []

    @property
    def is_ours(self) -> bool:
        """Whether the service is this software."""
        ids = [str(one.get("id")) for one in self.services]
        return bool(ids) and all(one.startswith(OURS) for one in ids)

    @cached_property
    def called(self) -> Json | None:
        """The service that is called: of the first of HOOKS that is offered; None for none."""
        by_hook = {str(one.get("hook")): one for one in reversed(self.services)}
        return next((by_hook[hook] for hook in HOOKS if hook in by_hook), None)

    @property
    def path(self) -> str:
        """Of the service that is called."""
        service = self.called or {}
        return f"{DISCOVERY}/{service.get('id')}"

    @cached_property
    def first(self) -> Answer:
        """The first answer to a call with prefetch."""
        return self.call()

    def call(self, **changes: Any) -> Answer:
        """Call with the made-up patient; a change replaces a member, `...` removes it."""
        service = self.called or {}
        body = build_call(service, occasion_of(str(service.get("hook"))), own_chart()).body
        told = {name: one for name, one in {**body, **changes}.items() if one is not ...}
        return self.client.call(str(service.get("id")), told, _own_request_id())

    def feedback(self, told: Json) -> Answer:
        """Tell the service that is called what was done with a card."""
        return self.client.feedback(str((self.called or {}).get("id")), told, _own_request_id())


def _own_request_id() -> dict[str, str]:
    return {"X-Request-Id": f"doctor-{uuid4()}"}


def read_token(path: Path) -> str:
    """An access token from a file."""
    return path.read_text(encoding="utf-8").strip()
