"""The example of a proxy, as it stands, in front of the real service."""

import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.production import PUBLIC_URL, production
from tests.served import free_port, served
from tests.tls import self_signed
from tests.tokens import Signer, ec_key
from tests.waiting import WAIT_S, wait_until

CONFIG = Path(__file__).parents[2] / "docker" / "nginx.conf"
SIGNER = Signer(key=ec_key(), kid="kid-1")
SUBJECT = "CN=ehr"
PROXY = {
    "LAMO_CERTIFICATE_HEADER": "X-Client-Certificate-Subject",
    "LAMO_PROXY_ADDRESSES": "127.0.0.1",
}


@dataclass(frozen=True)
class Proxied:
    """The service behind its proxy, and without it."""

    url: str
    inside: str
    certificate: Path

    def get(self, path: str, **headers: str) -> requests.Response:
        told = headers | {"Host": "cds.example.org"}
        return requests.get(self.url + path, headers=told, verify=False, timeout=60)  # noqa: S501


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    nginx = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if nginx is None:
        pytest.skip("nginx is not installed: apt install nginx-light")
    folder = tmp_path_factory.mktemp("var")
    settings = production(folder, SIGNER) | PROXY
    with (folder / "clients.toml").open("a") as clients:
        clients.write(f'[[client]]\nname = "by-certificate"\ncertificate = "{SUBJECT}"\n')
    with served(folder, **settings) as service:
        port, certificate = free_port(), self_signed(folder, "cds.example.org")
        path = folder / "nginx.conf"
        path.write_text(_configured(service.url, port, certificate, folder))
        process = subprocess.Popen([nginx, "-c", path, "-g", "daemon off;", "-e", folder / "log"])
        wait_until(lambda: is_open(port))
        yield Proxied(f"https://127.0.0.1:{port}", service.url, certificate)
        process.terminate()
        process.wait(timeout=WAIT_S)


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _configured(service: str, port: int, certificate: Path, folder: Path) -> str:
    """The example with names and paths of this machine; everything else as it stands."""
    text = CONFIG.read_text().replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
    text = text.replace("127.0.0.1:8080", service.removeprefix("http://"))
    text = re.sub(r"ssl_certificate(_key)? \S+;", rf"ssl_certificate\1 {certificate};", text)
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"pid {folder}/pid;\n" + text.replace("http {", f"http {{\n{temporary}", 1)


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
class TestProxy:
    """Requests over TLS, as clients send them."""

    def test_a_signed_request_passes(self, proxied: Proxied) -> None:
        answer = proxied.get("/cds-services", **SIGNER.headers(f"{PUBLIC_URL}/cds-services"))
        assert answer.status_code == 200
        assert "Strict-Transport-Security" in answer.headers

    def test_the_id_of_the_request_is_that_of_the_proxy(self, proxied: Proxied) -> None:
        assert re.fullmatch("[0-9a-f]{32}", proxied.get("/livez").headers["X-Request-Id"])

    @pytest.mark.parametrize("path", ["/metrics", "/operator/refused-tokens"])
    def test_what_is_for_operators_stays_inside(self, proxied: Proxied, path: str) -> None:
        assert proxied.get(path).status_code == 403

    def test_a_client_cannot_send_the_header_of_the_proxy(self, proxied: Proxied) -> None:
        told = {"X-Client-Certificate-Subject": SUBJECT}
        assert proxied.get("/cds-services", **told).status_code == 401
        inside = requests.get(f"{proxied.inside}/cds-services", headers=told, timeout=60)
        assert inside.status_code == 200  # from the proxy's own address it is believed
