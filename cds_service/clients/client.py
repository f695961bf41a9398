"""What is registered of one CDS Client: all that a token or a call of it is held against."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from cds_service.audit.entries import ANONYMOUS, REVIEW
from cds_service.clients.key_sets import KeySetRefused, read_key_set
from cds_service.hooks.discovery import SERVICES
from cds_service.hooks.request import is_plain_url
from cds_service.outbound.urls import is_same_base

KNOWN_BY = ("name", "issuer", "certificate")  # members that no two clients share
MOST_TOKEN_S = 3600  # CDS Hooks best practices: a token, and the memory of its jti, lives an hour
ORIGIN = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+")  # RFC 6454, as a browser writes it
RESERVED = frozenset({ANONYMOUS, REVIEW})  # the audit log's own: nobody's events may pass for these
PYDANTIC = "Value error, "
SANDBOX_ISSUERS = frozenset({"https://sandbox.cds-hooks.org"})  # its private key is public


class ClientRefused(Exception):  # noqa: N818 - a situation, named as such
    """A client cannot be registered as it is described; says what is wrong."""


class RegisteredClient(BaseModel):
    """One CDS Client. Everything is compared whole and exactly, never by its beginning."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    issuer: str | None = None  # the `iss` of its tokens; None where a certificate alone tells
    jwks_url: str | None = None  # the one URL that its keys are fetched from
    jwks: Mapping[str, Any] | None = None  # or its keys themselves (RFC 7517), pinned
    tenants: tuple[str, ...] = ()  # those of `tenant` that may call; empty for any or none
    services: tuple[str, ...] = ()  # ids that it may call; empty for all
    fhir_bases: tuple[str, ...] = ()  # FHIR servers that are read for it; empty for none
    audiences: tuple[str, ...] = ()  # what its tokens say in `aud` beside the URL called
    certificate: str | None = Field(None, min_length=1, max_length=512)  # subject, of mutual TLS
    longest_token_s: int = Field(MOST_TOKEN_S, ge=30, le=MOST_TOKEN_S)
    smart_client_id: str | None = Field(None, pattern=r"^[\x21-\x7e]{1,255}$")  # None: no app
    smart_auth: Literal["public", "private_key_jwt"] = "public"  # how the app proves who it is
    frame_origins: tuple[str, ...] = ()  # of pages of the EHR that may show the app in a frame

    @field_validator("name")
    @classmethod
    def _name_is_free(cls, value: str) -> str:
        if value.lower() in RESERVED:
            raise ValueError("the audit log names its own events so: wanted another name")
        return value

    @field_validator("issuer")
    @classmethod
    def _issuer_is_no_sandbox(cls, value: str | None) -> str | None:
        if value in SANDBOX_ISSUERS:
            raise ValueError("the private key of this sandbox is public: anybody can sign for it")
        if value is not None and not 0 < len(value) <= 512:
            raise ValueError("wanted the iss of the client's tokens, 1 to 512 characters")
        return value

    @field_validator("jwks_url")
    @classmethod
    def _url_is_plain(cls, value: str | None) -> str | None:
        if value is not None and not (is_plain_url(value) and _is_https(value)):
            raise ValueError("wanted an absolute https URL")
        return value

    @field_validator("fhir_bases")
    @classmethod
    def _bases_are_plain(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(is_plain_url(base) for base in value):
            raise ValueError("wanted absolute https URLs")
        return tuple(base.rstrip("/") for base in value)

    @field_validator("frame_origins")
    @classmethod
    def _origins_are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(ORIGIN.fullmatch(one) and is_plain_url(one) and _is_https(one) for one in value):
            raise ValueError("wanted origins such as https://ehr.example.org, without a path")
        return value

    @field_validator("services")
    @classmethod
    def _services_are_offered(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        known = [service.service_id for service in SERVICES]
        if strange := set(value) - set(known):
            raise ValueError(f"no service is called {', '.join(sorted(strange))}: wanted {known}")
        return value

    @field_validator("jwks")
    @classmethod
    def _keys_can_be_used(cls, value: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        if value is not None:
            try:
                read_key_set(value)
            except KeySetRefused as refused:
                raise ValueError(str(refused)) from None
        return value

    @model_validator(mode="after")
    def _can_be_recognised(self) -> "RegisteredClient":
        keys = [one for one in (self.jwks_url, self.jwks) if one is not None]
        if self.issuer is None and self.certificate is None:
            raise ValueError("wanted an issuer with its keys, or the subject of a certificate")
        if len(keys) != (1 if self.issuer else 0):
            raise ValueError("wanted jwks_url or jwks, one of them, with an issuer")
        if self.smart_client_id is not None and not self.fhir_bases:
            raise ValueError("wanted fhir_bases beside smart_client_id: the app is launched by one")
        return self

    def known_by(self, member: str) -> str | None:
        """What it is told apart by; issuers are too alike that are one URL (RFC 3986 6.2.2.1)."""
        value: str | None = getattr(self, member)
        return _folded(value) if member == "issuer" and value is not None else value

    def is_launched_by(self, iss: str) -> bool:
        """Whether the evidence app is this client's when a FHIR server launches it."""
        is_known = any(is_same_base(iss, base) for base in self.fhir_bases)
        return self.smart_client_id is not None and is_known


def _folded(issuer: str) -> str:
    """An issuer without what two spellings of one URL differ in: case of the host, last slash."""
    beginning, mark, rest = issuer.partition("://")
    host, slash, path = rest.partition("/")
    return f"{beginning.lower()}{mark}{host.lower()}{slash}{path}".rstrip("/") if mark else issuer


def _is_https(url: str) -> bool:
    """Whether keys may come from there: http only from this machine, which a sandbox may read."""
    parts = urlsplit(url)
    return parts.scheme == "https" or parts.hostname in ("127.0.0.1", "localhost", "::1")


def client_from(definition: Mapping[str, Any]) -> RegisteredClient:
    """Check a definition.

    Raises:
        ClientRefused: lists what is wrong, by member.
    """
    try:
        return RegisteredClient.model_validate(definition)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, one['loc'])) or 'client'}: {one['msg'].removeprefix(PYDANTIC)}"
            for one in error.errors()
        )
        called = definition.get("name")
        raise ClientRefused(f"client {called!r} cannot be registered: {faults}") from None


def read_keys_file(path: Path) -> Any:
    """The JSON of a JWK Set file, unchecked.

    Raises:
        ClientRefused: it cannot be read.
    """
    try:
        text = path.read_text("utf-8")
        return json.loads(text)
    except OSError as error:
        raise ClientRefused(f"the key file {path} cannot be read: {error}") from None
    except ValueError:
        found = "a PEM file" if "-----BEGIN" in text else "text that is not JSON"
        raise ClientRefused(
            f"the key file {path}: found {found}, wanted a JWK Set as docs/connecting.md makes one"
        ) from None
