"""A confidential app proves itself with a signed assertion (RFC 7523, SMART App Launch 2)."""

import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from werkzeug.test import TestResponse

from tests.cds_service.sandbox.sandboxes import BASE, SIGNER
from tests.cds_service.sandbox.smart_flow import Flow, refused
from tests.tokens import Signer, rsa_key

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TOKEN_URL = f"{BASE}/auth/token"


def confidential(flow: Flow, assertion: str, **changes: Any) -> TestResponse:
    code = flow.code(client_id=SIGNER.issuer)
    proof = {"client_assertion_type": ASSERTION, "client_assertion": assertion}
    return flow.token(code, **({"client_id": ...} | proof | changes))


def assertion_of(flow: Flow, signer: Signer = SIGNER, aud: Any = TOKEN_URL, **changes: Any) -> str:
    flow.clock.now = time.time()  # what PyJWT compares with
    return signer.token(aud, **({"sub": SIGNER.issuer} | changes))


def test_a_confidential_app_signs_who_it_is(flow: Flow) -> None:
    assertion = assertion_of(flow)
    assert confidential(flow, assertion).get_json()["patient"] == "synthetic-65"
    assert refused(confidential(flow, assertion), 401) == "invalid_client"  # jti used


WRONG: dict[str, Callable[[Flow], str]] = {
    "of another server": lambda flow: assertion_of(flow, aud="https://other.example.org/token"),
    "of several servers": lambda flow: assertion_of(flow, aud=[TOKEN_URL, "https://other"]),
    "expired": lambda flow: assertion_of(flow, exp=int(flow.clock.now) - 400_000_000),
    "for a day": lambda flow: assertion_of(flow, exp=4_000_000_000),
    "without jti": lambda flow: assertion_of(flow, jti=...),
    "with a number as jti": lambda flow: assertion_of(flow, jti=7),
    "without exp": lambda flow: assertion_of(flow, exp=...),
    "of another subject": lambda flow: assertion_of(flow, sub="browser-app"),
    "of another issuer": lambda flow: assertion_of(flow, iss="browser-app"),
    "of a strange key": lambda flow: assertion_of(flow, Signer(issuer=SIGNER.issuer)),
    "of an RSA key under the same name": lambda flow: assertion_of(
        flow, Signer(key=rsa_key(), issuer=SIGNER.issuer)
    ),
    "nonsense": lambda flow: "a.b.c",
    "unsigned": lambda flow: jwt.encode({"iss": SIGNER.issuer}, "", "none"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_an_assertion_is_not_believed(flow: Flow, kind: str) -> None:
    assert refused(confidential(flow, WRONG[kind](flow)), 401) == "invalid_client"


def test_an_assertion_is_of_the_app_that_is_named(flow: Flow) -> None:
    answer = confidential(flow, assertion_of(flow), client_id="browser-app")
    assert refused(answer, 401) == "invalid_client"
    answer = confidential(flow, assertion_of(flow), client_assertion_type="password")
    assert refused(answer, 401) == "invalid_client"
