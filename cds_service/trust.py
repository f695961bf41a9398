"""Who is calling. The one place in which a client becomes trusted.

In production only a registered client passes, with a token for the very URL that it calls, or with
a certificate that a proxy verified. In sandbox mode whoever shows no proof is anonymous; a client
that is registered is held to its proof there too.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from cds_service.audit.entries import ANONYMOUS
from cds_service.audit.within import within
from cds_service.clients.client import RegisteredClient
from cds_service.clients.keys import ClientKeys
from cds_service.clients.refused import RefusedTokens
from cds_service.clients.registry import ClientRegistry
from cds_service.clients.seen_tokens import SeenTokens
from cds_service.clients.tokens import TokenRefused, Verified, verify_token
from cds_service.errors import NotForClient, Untrusted
from cds_service.observing.metrics import token_refused
from lamo.deadline import Deadline

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The CDS Client behind a call, as far as it was proven."""

    client: str = ANONYMOUS  # the name of a registered one
    fhir_bases: tuple[str, ...] | None = None  # what may be read for it; None: as settings allow
    services: tuple[str, ...] = ()  # ids that it may call; empty for all
    has_app: bool = False  # its users may open the evidence app
    token: Verified | None = field(default=None, repr=False)  # good for one request, not yet spent
    doubt: str = ""  # why a token that came was not believed; in sandbox mode alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """What a request brings to prove who sends it."""

    url: str  # the public URL that is called, without a query
    authorization: str | None = None  # the header, as sent
    certificate: str | None = None  # subject of a client certificate that a trusted proxy verified
    service_id: str | None = None  # of the address
    request_id: str = ""


Identify = Callable[[Presented, Deadline], Caller]
Spend = Callable[[Caller, str, Deadline], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Tells callers apart. One per process."""

    registry: ClientRegistry
    keys: ClientKeys
    seen: SeenTokens
    refused: RefusedTokens
    takes_anonymous: bool  # sandbox mode
    clock: Callable[[], float] = time.time

    def identify(self, presented: Presented, deadline: Deadline) -> Caller:
        """Tell who sends a request.

        Raises:
            Untrusted: nobody who may; the reason is noted for operators and not told.
            NotForClient: a client that may not call this service.
            AuditUnavailable: the database cannot tell who may.
        """
        if self.takes_anonymous and not (presented.authorization or presented.certificate):
            return Caller()
        try:
            client, token = within(deadline, self._proven, presented, deadline)
        except TokenRefused as refused:
            self._note(refused, presented.request_id)
            if self.takes_anonymous and not refused.client:
                return Caller(doubt=refused.reason)
            raise Untrusted from None
        if client.services and presented.service_id not in (None, *client.services):
            raise NotForClient
        return Caller(
            client=client.name,
            fhir_bases=client.fhir_bases,
            services=client.services,
            has_app=client.smart_client_id is not None,
            token=token,
        )

    def spend(self, caller: Caller, request_id: str, deadline: Deadline) -> None:
        """See to it that the caller's token is used once. To be done before anything is answered.

        Raises:
            Untrusted: it was used before.
            AuditUnavailable: the database cannot tell.
        """
        token = caller.token
        if token is None:
            return
        told = {"expires_at": token.expires_at, "now": int(self.clock())}
        if not within(deadline, self.seen.take, caller.client, token.jti, **told):
            self._note(TokenRefused("replayed", "", caller.client), request_id)
            raise Untrusted

    def _proven(
        self, presented: Presented, deadline: Deadline
    ) -> tuple[RegisteredClient, Verified | None]:
        if presented.authorization is None and presented.certificate is not None:
            return self._certified(presented.certificate), None
        now, token = self.clock(), _bearer(presented.authorization)
        told = verify_token(token, presented.url, now, (self.registry, self.keys), deadline)
        name, wanted = told.client.name, told.client.certificate
        if wanted is not None and presented.certificate != wanted:
            shown = ascii((presented.certificate or "")[:200])
            raise TokenRefused(
                "certificate", f"found {shown} beside the token, wanted {wanted}", name
            )
        return told.client, told

    def _certified(self, subject: str) -> RegisteredClient:
        """The client that a certificate is enough for: one that is registered without an issuer."""
        listed = self.registry.by_certificate(subject)
        if listed is None:
            raise TokenRefused("certificate", f"found {subject[:200]!a}")
        if listed.disabled_at is not None:
            raise TokenRefused("disabled", f"since {listed.disabled_at}", listed.client.name)
        if listed.client.issuer is not None:
            raise TokenRefused(
                "no-token", "wanted a token beside the certificate", listed.client.name
            )
        return listed.client

    def _note(self, refused: TokenRefused, request_id: str) -> None:
        log.info("token_refused", kind=refused.reason)
        token_refused(refused.reason)
        self.refused.note(refused.client, refused.reason, refused.detail, request_id)


def _bearer(authorization: str | None) -> str:
    """The token behind "Bearer", whose case does not matter (RFC 9110 section 11.1)."""
    scheme, _, token = (authorization or "").partition(" ")
    if authorization is None or scheme.lower() != "bearer" or not token.strip():
        raise TokenRefused("no-token", "wanted Authorization: Bearer and a token")
    return token.strip()
