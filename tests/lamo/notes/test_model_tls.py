"""Whose certificates are trusted, over real TLS."""

import ssl
import subprocess
from pathlib import Path

import pytest

from tests.lamo.notes.fake_endpoint import fake_endpoint, found
from tests.lamo.notes.unread import NOTE, reader, reason


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 that signs itself, and its key in key.pem beside it."""
    folder = tmp_path_factory.mktemp("tls")
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    made += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "ca.pem")]
    made += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    try:
        subprocess.run(made, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed: there is no other way to make a certificate here")
    return folder / "ca.pem"


def of_server(certificate: Path) -> ssl.SSLContext:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, certificate.with_name("key.pem"))
    return tls


def test_a_certificate_of_the_ca_file_is_trusted(certificate: Path) -> None:
    with fake_endpoint(of_server(certificate)) as endpoint:
        endpoint.script = [found(history_of_present_illness="Read.")]

        sections = reader(endpoint, ca_file=certificate).read(NOTE)

    assert sections.history_of_present_illness == "Read."


def test_other_certificates_and_other_names_are_not(certificate: Path) -> None:
    with fake_endpoint(of_server(certificate)) as endpoint:
        assert "not trusted" in reason(endpoint)
        url = endpoint.base.replace("127.0.0.1", "localhost")
        assert "not trusted" in reason(endpoint, url=url, ca_file=certificate)
        assert endpoint.asked == []
