"""What the pages work with, built once for each process."""

from dataclasses import dataclass

from cds_service.audit.log import AuditLog
from cds_service.reviewer.accounts.building import Accounts
from cds_service.reviewer.viewer import FindViewer


@dataclass(frozen=True, kw_only=True)
class ReviewDesk:
    """Everything from outside that a page needs."""

    base_url: str  # under which browsers reach the service
    log: AuditLog  # every look is written to it, and what is protected is read by it
    find_viewer: FindViewer
    accounts: Accounts

    @property
    def is_secure(self) -> bool:
        """Whether browsers come by https."""
        return self.base_url.startswith("https:")
