"""Tokens against the service: which pass, which do not, and what is told to whom.

The rows are those of a security review of CDS Hooks services: algorithm confusion, keys from the
token itself, audiences of other addresses, times, and replays.
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.cds_service.clients.conftest import BASE, SERVICE, SIGNER, House
from tests.tokens import Signer, b64, ec_key, encoded, jwk_of, rsa_key
from tests.waiting import wait_until

FEEDBACK = f"{SERVICE}/feedback"
DISCOVERY = f"{BASE}/cds-services"
STRANGER = Signer(key=ec_key())


def hmac_token(name: str, digest: str, secret: bytes) -> str:
    head, body = {"alg": name, "typ": "JWT", "kid": SIGNER.kid}, SIGNER.claims(SERVICE)
    signing_input = f"{encoded(head)}.{encoded(body)}"
    return f"{signing_input}.{b64(hmac.digest(secret, signing_input.encode(), digest))}"


def unsigned(alg: str) -> str:
    head = {"alg": alg, "typ": "JWT", "kid": SIGNER.kid}
    return f"{encoded(head)}.{encoded(SIGNER.claims(SERVICE))}."


def bent() -> str:
    token = SIGNER.token(SERVICE)
    return token[:-6] + ("AAAAAA" if not token.endswith("AAAAAA") else "BBBBBB")


def edited() -> str:
    head, _, signature = SIGNER.token(SERVICE).split(".")
    return f"{head}.{encoded(SIGNER.claims(SERVICE))}.{signature}"


def twice(member: str) -> str:
    """A payload with a member twice: parsers differ on which one counts."""
    body = json.dumps(SIGNER.claims(SERVICE))[:-1] + f', "{member}": "https://evil.example"}}'
    return f"{encoded({'alg': 'ES384', 'kid': SIGNER.kid})}.{b64(body.encode())}.AAAA"


def signed(**header: Any) -> str:
    return SIGNER.sign(SIGNER.claims(SERVICE), **header)


def claiming(**changes: Any) -> str:
    return SIGNER.token(SERVICE, **changes)


def in_s(**offsets: float) -> dict[str, float]:
    now = SIGNER.claims("")["iat"]
    return {name: now + offset for name, offset in offsets.items()}


PUBLIC_JWK = json.dumps(jwk_of(SIGNER.key)).encode()

REFUSED: dict[str, tuple[Callable[[], str], str]] = {
    "alg none": (lambda: unsigned("none"), "algorithm"),
    "alg None": (lambda: unsigned("None"), "algorithm"),
    "alg nOnE": (lambda: unsigned("nOnE"), "algorithm"),
    "HS256 keyed with the public JWK": (
        lambda: hmac_token("HS256", "sha256", PUBLIC_JWK),
        "algorithm",
    ),
    "HS384 keyed with the public JWK": (
        lambda: hmac_token("HS384", "sha384", PUBLIC_JWK),
        "algorithm",
    ),
    "alg is a list": (lambda: signed(alg=["ES384"]), "algorithm"),
    "RS384 said of an EC key": (lambda: signed(alg="RS384"), "key-id"),
    "ES256 said of a P-384 key": (lambda: signed(alg="ES256"), "algorithm"),
    "no kid": (lambda: signed(kid=...), "key-id"),
    "empty kid": (lambda: signed(kid=""), "key-id"),
    "unknown kid": (lambda: signed(kid="another"), "key-id"),
    "kid that is a path": (lambda: signed(kid="../../etc/passwd"), "key-id"),
    "kid that is SQL": (lambda: signed(kid="' or 1=1 --"), "key-id"),
    "kid that is an object": (lambda: signed(kid={"a": 1}), "key-id"),
    "unknown crit": (lambda: signed(crit=["x"], x=1), "header"),
    "b64 false": (lambda: signed(b64=False, crit=["b64"]), "header"),
    "typ of another kind": (lambda: signed(typ="at+jwt"), "header"),
    "key inside the token": (
        lambda: STRANGER.sign(SIGNER.claims(SERVICE), jwk=jwk_of(STRANGER.key)),
        "signature",
    ),
    "certificate inside the token": (
        lambda: STRANGER.sign(SIGNER.claims(SERVICE), x5c=["AAAA"], x5u="https://evil.example"),
        "signature",
    ),
    "another key under the kid": (lambda: STRANGER.token(SERVICE), "signature"),
    "changed signature": (bent, "signature"),
    "payload of another token": (edited, "signature"),
    "iss twice": (lambda: twice("iss"), "not-a-token"),
    "not a token": (lambda: "this.is-not.a-token", "not-a-token"),
    "two segments": (lambda: "a.b", "not-a-token"),
    "a megabyte": (lambda: f"{SIGNER.token(SERVICE)}{'A' * 1_000_000}", "not-a-token"),
    "100,000 brackets": (lambda: f"{b64(b'[' * 9_000)}.e30.AAAA", "not-a-token"),
    "unknown issuer": (lambda: claiming(iss="https://ehr.example.com/fhir"), "issuer"),
    "issuer with a slash more": (lambda: claiming(iss=f"{SIGNER.issuer}/"), "issuer"),
    "issuer of the public sandbox": (
        lambda: claiming(iss="https://sandbox.cds-hooks.org"),
        "public-key",
    ),
    "issuer is a list": (lambda: claiming(iss=[SIGNER.issuer]), "claims"),
    "no iss": (lambda: claiming(iss=...), "claims"),
    "no aud": (lambda: SIGNER.token(...), "claims"),
    "no exp": (lambda: claiming(exp=...), "claims"),
    "no iat": (lambda: claiming(iat=...), "claims"),
    "no jti": (lambda: claiming(jti=...), "claims"),
    "empty jti": (lambda: claiming(jti=""), "claims"),
    "jti is a number": (lambda: claiming(jti=7), "claims"),
    "aud of discovery": (lambda: SIGNER.token(DISCOVERY), "audience"),
    "aud of feedback": (lambda: SIGNER.token(FEEDBACK), "audience"),
    "aud of another service": (lambda: SIGNER.token(f"{DISCOVERY}/lamo-patient-view"), "audience"),
    "aud with http": (lambda: SIGNER.token(SERVICE.replace("https", "http")), "audience"),
    "aud with a slash more": (lambda: SIGNER.token(f"{SERVICE}/"), "audience"),
    "aud with a letter more": (lambda: SIGNER.token(f"{SERVICE}x"), "audience"),
    "aud in capitals": (lambda: SIGNER.token(SERVICE.upper()), "audience"),
    "aud of somebody else too": (
        lambda: SIGNER.token([SERVICE, "https://other.example"]),
        "audience",
    ),
    "aud is an object": (lambda: SIGNER.token({"a": SERVICE}), "audience"),
    "expired": (lambda: claiming(**in_s(iat=-400, exp=-61)), "expired"),
    "exp in ten years": (lambda: claiming(**in_s(exp=10 * 365 * 86400)), "lifetime"),
    "exp before iat": (lambda: claiming(**in_s(iat=50, exp=10)), "lifetime"),
    "exp is a string": (lambda: claiming(exp="9999999999"), "claims"),
    "exp is negative": (lambda: claiming(exp=-1), "expired"),
    "exp is huge": (lambda: claiming(exp=10**400), "claims"),
    "exp is true": (lambda: claiming(exp=True), "claims"),
    "iat an hour ahead": (lambda: claiming(**in_s(iat=3600, exp=3900)), "not-yet-valid"),
    "nbf an hour ahead": (lambda: claiming(**in_s(nbf=3600)), "not-yet-valid"),
}  # fmt: skip

ACCEPTED: dict[str, Callable[[], str]] = {
    "as CDS Hooks has it": lambda: SIGNER.token(SERVICE),
    "aud as an array": lambda: SIGNER.token([SERVICE]),
    "extra claims as Epic sends them": lambda: claiming(sub="client-1", **in_s(nbf=-300)),
    "no typ": lambda: signed(typ=...),
    "a jku, which is not followed": lambda: signed(jku="https://evil.example/keys"),
    "a clock 50 s ahead": lambda: claiming(**in_s(iat=50, exp=350)),
    "a clock 50 s behind": lambda: claiming(**in_s(iat=-350, exp=-50)),
    "times with fractions": lambda: claiming(**in_s(iat=0.25, exp=300.75)),
}


@pytest.mark.parametrize(("make", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_a_bad_token_gets_401_and_the_operator_the_reason(
    house: House, make: Callable[[], str], reason: str
) -> None:
    answer = house.post(make())

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.json["resourceType"] == "OperationOutcome"
    assert house.reasons() == [reason]
    assert (house.decide.calls, house.recorder.errors) == ([], [])


@pytest.mark.parametrize("make", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_good_token_passes(house: House, make: Callable[[], str]) -> None:
    assert house.post(make()).status_code == 200
    assert house.keys.asked == []


def test_every_401_reads_the_same(house: House) -> None:
    answers = [house.post(make()) for make, _ in REFUSED.values()] + [house.post(None)]

    texts = {answer.json["issue"][0]["diagnostics"] for answer in answers}
    assert len(texts) == 1


def test_the_call_is_recorded_under_the_name_of_the_client(house: House) -> None:
    answer = house.client.post(
        "/cds-services/lamo-order-sign", json={}, headers=SIGNER.headers(SERVICE)
    )

    assert answer.status_code == 400
    assert [entry.client for entry in house.recorder.errors] == ["ehr-1"]


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer "])
def test_the_scheme_is_read_in_any_case(house: House, scheme: str) -> None:
    told = {"Authorization": f"{scheme} {SIGNER.token(SERVICE)}"}
    assert house.post(None, **told).status_code == 200


@pytest.mark.parametrize("told", ["Basic ZWhyOnNlY3JldA==", "Bearer", "Bearer ", "", "token x"])
def test_other_authorization_is_no_token(house: House, told: str) -> None:
    assert house.post(None, Authorization=told).status_code == 401
    assert house.reasons() == ["no-token"]


def test_two_authorization_headers_are_refused(house: House) -> None:
    told = f"Bearer {SIGNER.token(SERVICE)},Bearer {SIGNER.token(SERVICE)}"
    assert house.post(None, Authorization=told).status_code == 401


def test_rs384_passes_with_a_key_of_2048_bits(house: House) -> None:
    signer = Signer(key=rsa_key(), kid="rsa-1")
    house.trust.registry.change("ehr-1", jwks=signer.jwks)

    assert house.post(signer.token(SERVICE)).status_code == 200


def test_a_token_is_good_for_one_request(house: House) -> None:
    token = SIGNER.token(SERVICE)

    statuses = [house.post(token).status_code for _ in range(3)]

    assert statuses == [200, 401, 401]
    assert house.reasons() == ["replayed"]


def test_a_jti_that_no_encoder_takes_is_remembered_too(house: House) -> None:
    token = claiming(jti="\ud800a")
    assert [house.post(token).status_code for _ in range(2)] == [200, 401]


def test_a_refusal_is_written_though_none_comes_after_it(house: House) -> None:
    house.post(None)
    house.post(STRANGER.token(SERVICE))
    query = "SELECT reason FROM refused_token"

    def written() -> set[str]:
        with house.engine.connect() as connection:
            return set(connection.exec_driver_sql(query).scalars())

    wait_until(lambda: written() == {"no-token", "signature"})


def test_discovery_and_feedback_want_tokens_of_their_own(house: House) -> None:
    listed = house.client.get("/cds-services", headers=SIGNER.headers(DISCOVERY))
    path = "/cds-services/lamo-order-sign/feedback"
    told = house.client.post(path, json={"feedback": []}, headers=SIGNER.headers(FEEDBACK))
    other = house.client.post(path, json={"feedback": []}, headers=SIGNER.headers(SERVICE))

    assert (listed.status_code, told.status_code, other.status_code) == (200, 200, 401)


def test_the_host_header_is_not_believed(house: House) -> None:
    token = SIGNER.token("https://evil.example/cds-services/lamo-order-sign")
    told = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    assert house.post(token, **told).status_code == 401


def test_hashes_of_tokens_are_kept_and_not_the_tokens(house: House) -> None:
    claims = SIGNER.claims(SERVICE)
    house.post(SIGNER.sign(claims))

    with house.engine.connect() as connection:
        kept = connection.exec_driver_sql("SELECT digest FROM seen_token").scalars().all()
    assert kept == [hashlib.sha256(f"ehr-1\n{claims['jti']}".encode()).hexdigest()]
