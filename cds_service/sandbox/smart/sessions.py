"""What an EHR hands an app, from the launch to the last token."""

from dataclasses import dataclass, field
from uuid import uuid4

from cds_service.sandbox.fhir.grants import Grant
from cds_service.sandbox.smart.apps import RegisteredApp


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """Why an app is opened: who looks at whom, in the EHR."""

    patient: str  # id
    user: str  # "Practitioner/..."
    encounter: str | None = None  # id
    app_context: str | None = None  # of the card's link, handed through


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What one app may do after one launch. All tokens of it end together."""

    client_id: str
    scopes: tuple[str, ...]
    launch: Launch
    nonce: str | None = None
    session_id: str = field(default_factory=lambda: str(uuid4()))

    @property
    def grant(self) -> Grant:
        """The same for the FHIR server."""
        return Grant(scopes=self.scopes, patient=self.launch.patient)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an app asks for: a request that is as it has to be."""

    app: RegisteredApp
    redirect_uri: str
    state: str
    scopes: tuple[str, ...]  # of those that it may have
    challenge: str  # PKCE, S256
    nonce: str | None
    launch: Launch | None  # None: launched by itself, so that a person chooses the patient


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorized:
    """What a code stands for."""

    session: Session
    redirect_uri: str
    challenge: str  # PKCE, S256
