"""The EHR's tokens are what the service asks of a registered client."""

import time

import jwt
import pytest

from cds_service.clients.client import client_from
from cds_service.clients.key_sets import find_key, read_key_set
from cds_service.sandbox.ehr_keys import SERVICE_KID, EhrKeys
from tests.cds_service.sandbox.sandboxes import BASE

URL = "http://127.0.0.1:8080/cds-services/lamo-order-sign"


def test_a_token_is_for_one_url_and_five_minutes(keys: EhrKeys) -> None:
    published = read_key_set(keys.jwks())
    assert [key.kid for key in published] == [SERVICE_KID]  # that of identities is for nothing else
    key = find_key(published, SERVICE_KID, "ES384")
    assert key is not None
    claims = jwt.decode(keys.signer.token(URL), key.jwk, ["ES384"], audience=URL, issuer=BASE)
    assert claims["exp"] - claims["iat"] == 300
    assert abs(claims["iat"] - time.time()) < 60
    with pytest.raises(jwt.InvalidAudienceError, match="Audience doesn't match"):
        jwt.decode(keys.signer.token(URL), key.jwk, ["ES384"], audience=f"{URL}/feedback")


def test_no_two_tokens_are_the_same(keys: EhrKeys) -> None:
    told = [jwt.decode(keys.signer.token(URL), options={"verify_signature": False}) for _ in "ab"]
    assert told[0]["jti"] != told[1]["jti"]


def test_the_keys_can_be_registered(keys: EhrKeys) -> None:
    client = client_from({"name": "ehr", "issuer": BASE, "jwks": keys.service_jwks()})
    assert client.jwks == keys.service_jwks()
