"""One visit: what to look at and with what, and what several checks share."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

from cds_service.audit.checkpoint import PublicKey
from cds_service.doctor.made_up import HOOKS, occasion_of, own_chart
from cds_service.sandbox.firing import build_call
from cds_service.trying.service import DISCOVERY, Answer, CdsService

Json = dict[str, Any]
OURS = "lamo-"  # how the ids of our services begin


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the doctor was told."""

    service: CdsService
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
        self.service = plan.service

    @cached_property
    def discovery(self) -> Answer:
        """The answer of discovery, as a registered client gets it."""
        return self.service.ask("GET", DISCOVERY)

    @property
    def services(self) -> Sequence[Json]:
        """The entries of discovery that are objects."""
        body = self.discovery.body
        listed = body.get("services") if isinstance(body, dict) else None
        return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []

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
        return self.post(self.path, told)

    def post(self, path: str, body: Any) -> Answer:
        """Post JSON under a request id of its own."""
        headers = {"X-Request-Id": f"doctor-{uuid4()}"}
        return self.service.ask("POST", path, data=json.dumps(body).encode(), headers=headers)


def read_token(path: Path) -> str:
    """An access token from a file."""
    return path.read_text(encoding="utf-8").strip()
