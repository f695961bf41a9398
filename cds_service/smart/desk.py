"""What the app's pages work with, built once for each process."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from cds_service.audit.evidence import Evidence
from cds_service.clients.registry import ClientRegistry
from cds_service.smart.app_key import AppKey
from cds_service.smart.launching import Launching
from cds_service.smart.sessions import SmartSessions
from cds_service.tools import Tools


@dataclass(frozen=True, kw_only=True)
class SmartDesk:
    """Everything from outside that a page needs."""

    base_url: str  # under which browsers reach the service
    tools: Tools  # the log, the model and the rules that hook calls have
    evidence: Evidence  # places of the same log
    registry: ClientRegistry
    sessions: SmartSessions
    launching: Launching
    app_key: AppKey
    clock: Callable[[], datetime]

    @property
    def is_secure(self) -> bool:
        """Whether browsers come by https."""
        return self.base_url.startswith("https:")

    def frame_origins(self, client: str | None = None) -> tuple[str, ...]:
        """The origins whose pages may show the app in a frame: one client's, or all that are."""
        listed = (one for one in self.registry.current() if not one.clash and not one.disabled_at)
        clients = (one.client for one in listed if client in (None, one.client.name))
        return tuple(dict.fromkeys(origin for one in clients for origin in one.frame_origins))
