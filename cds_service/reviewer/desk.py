"""What the pages work with, built once for each process."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cds_service.audit.evidence import Evidence
from cds_service.audit.exports.exporter import Exporter
from cds_service.audit.full_check import FullVerification
from cds_service.audit.log import AuditLog
from cds_service.audit.read_model.reading import ReadModel
from cds_service.clients.listed import Listed
from cds_service.clients.refused import RefusedToken
from cds_service.reviewer.accounts.building import Accounts
from cds_service.reviewer.replay import Replayer
from cds_service.reviewer.viewer import FindViewer
from cds_service.stops.stops import Stops
from fhir_mappings.formulary import Formulary
from lamo.model_card import ModelCard


@dataclass(frozen=True, kw_only=True)
class ReviewDesk:
    """Everything from outside that a page needs."""

    base_url: str  # under which browsers reach the service
    log: AuditLog  # every look is written to it, and what is protected is read by it
    find_viewer: FindViewer
    accounts: Accounts
    stops: Stops  # what is switched off
    served: Mapping[str, Any]  # what this process serves: served.identity.service_identity
    model_card: Callable[[], ModelCard]
    clients: Callable[[], Sequence[Listed]]  # who is registered
    refused_tokens: Callable[[], Sequence[RefusedToken]]  # the latest
    read_model: ReadModel  # in which pages search
    formulary: Formulary  # names of medications
    clock: Callable[[], datetime]
    evidence: Evidence  # places, proofs and heads of the same log
    verification: FullVerification  # of the same log
    replayer: Replayer  # with the model that hook calls have
    exporter: Exporter

    @property
    def is_secure(self) -> bool:
        """Whether browsers come by https."""
        return self.base_url.startswith("https:")
