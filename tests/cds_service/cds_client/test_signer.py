"""Key files that integrators have."""

import json
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from cds_service.cds_client.signer import KeyFileRefused, read_signer
from tests.tokens import ec_key, rsa_key

URL = "https://cds.example.org/cds-services"


def jwk_text(key: ec.EllipticCurvePrivateKey) -> str:
    return json.dumps(ECAlgorithm.to_jwk(key, as_dict=True) | {"kid": "k1"})


def test_a_jwk_names_its_kid_and_signs(tmp_path: Path) -> None:
    key, path = ec_key(), tmp_path / "key.json"
    path.write_text(f'{{"keys": [{jwk_text(key)}]}}')
    token = read_signer(path, "https://ehr.example.org", None).token(URL)
    assert jwt.get_unverified_header(token) == {"alg": "ES384", "kid": "k1", "typ": "JWT"}
    claims = jwt.decode(token, key.public_key(), ["ES384"], audience=URL)
    assert claims["exp"] - claims["iat"] == 300


def test_rsa_keys_sign_as_rs384(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    path.write_text(json.dumps(RSAAlgorithm.to_jwk(rsa_key(), as_dict=True)))
    assert read_signer(path, "x", "given").algorithm == "RS384"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds no private key"),
        ("[]", "holds no private key"),
        ('{"kty": "EC", "x": "public"}', "holds no private key"),
        ("-----BEGIN PRIVATE KEY-----\n", "holds no private key"),
        (jwk_text(ec.generate_private_key(ec.SECP256R1())), "secp256r1: ES384 wants P-384"),
    ],
)
def test_what_cannot_sign_is_refused(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "key").write_text(text)
    with pytest.raises(KeyFileRefused, match=says):
        read_signer(tmp_path / "key", "x", "k1")
