"""What is registered of one CDS Client: all that a token or a call of it is held against."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from cds_service.clients.key_sets import KeySetRefused, read_key_set
from cds_service.hooks.discovery import SERVICES
from cds_service.hooks.request import is_plain_url

MOST_TOKEN_S = 3600  # CDS Hooks best practices: a token, and the memory of its jti, lives an hour
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
        if value is not None and not is_plain_url(value):
            raise ValueError("wanted an absolute https URL")
        return value

    @field_validator("fhir_bases")
    @classmethod
    def _bases_are_plain(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(is_plain_url(base) for base in value):
            raise ValueError("wanted absolute https URLs")
        return tuple(base.rstrip("/") for base in value)

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
        return self


def client_from(definition: Mapping[str, Any]) -> RegisteredClient:
    """Check a definition.

    Raises:
        ClientRefused: lists what is wrong, by member.
    """
    try:
        return RegisteredClient.model_validate(definition)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, one['loc'])) or 'client'}: {one['msg']}" for one in error.errors()
        )
        called = definition.get("name")
        raise ClientRefused(f"client {called!r} cannot be registered: {faults}") from None


def read_clients_file(path: Path) -> tuple[RegisteredClient, ...]:
    """The clients of a TOML file, each a table [[client]] with the members of RegisteredClient.

    Raises:
        ClientRefused: the file cannot be read or used; says where.
    """
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ClientRefused(f"the clients file {path} cannot be read: {error}") from None
    tables = content.pop("client", [])
    if content or not isinstance(tables, list):
        raise ClientRefused(f"the clients file {path} may hold [[client]] tables and nothing else")
    return tuple(client_from(_with_keys(table, path.parent)) for table in tables)


def _with_keys(table: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    """Replace the name of a key file by what it holds."""
    if not isinstance(table.get("jwks"), str):
        return table
    return {**table, "jwks": read_keys_file(folder / table["jwks"])}


def read_keys_file(path: Path) -> Any:
    """The JSON of a JWK Set file, unchecked.

    Raises:
        ClientRefused: it cannot be read.
    """
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ClientRefused(f"the key file {path} cannot be read: {error}") from None
