"""A service, and beside it two EHRs that have its evidence app registered, each in another way."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from cds_service.audit.log import AuditLog
from cds_service.keys.building import build_keys
from cds_service.sandbox.app import SandboxDesk, create_sandbox, open_sandbox
from cds_service.sandbox.ehr_keys import EhrKeys
from cds_service.sandbox.smart.apps import RegisteredApp
from cds_service.settings import Settings
from tests.cds_service.sandbox.ehr.trying import behind
from tests.served import Served, free_port, served

KINDS = ("public", "private_key_jwt")  # how the app proves who it is
CLIENT = """[[client]]
name = "{kind}"
issuer = "{issuer}"
jwks = "{kind}.json"
fhir_bases = ["{issuer}/fhir"]
smart_client_id = "lamo-evidence"
smart_auth = "{kind}"
frame_origins = ["{issuer}"]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launchers:
    """The EHRs by kind of registration, and the service that they call."""

    service: Served
    log: AuditLog  # of the service
    ehrs: Mapping[str, SandboxDesk]

    def newest(self, kind: str) -> Mapping[str, Any]:
        """What was recorded last of a kind of event, with its id."""
        found = next(one for one in self.log.list_events() if one.kind == kind)
        return {**self.log.find_event(found.event_id).body, "event_id": found.event_id}


@contextmanager
def started_launchers(var_dir: Path) -> Iterator[Launchers]:
    """Start the service as a process, and the EHRs in threads, once each knows of the other."""
    keys = {kind: EhrKeys(issuer=f"http://127.0.0.1:{free_port()}") for kind in KINDS}
    clients = var_dir / "clients.toml"
    for kind, its in keys.items():
        (var_dir / f"{kind}.json").write_text(json.dumps(its.service_jwks()))
    clients.write_text(
        "".join(CLIENT.format(kind=kind, issuer=its.issuer) for kind, its in keys.items())
    )
    port = free_port()
    settings = {
        "PORT": str(port),
        "LAMO_PUBLIC_URL": f"http://127.0.0.1:{port}",  # cards link to the app below it
        "LAMO_CLIENTS_FILE": str(clients),
        "LAMO_DEADLINE_MS": "30000",  # tests run on busy machines
    }
    with served(var_dir, **settings) as service, ExitStack() as threads:
        ehrs = {kind: _ehr(kind, its, service) for kind, its in keys.items()}
        for desk in ehrs.values():
            own_port = int(desk.base_url.rpartition(":")[2])
            threads.enter_context(behind(own_port, create_sandbox(desk)))
        found = Settings(var_dir=var_dir)
        log = AuditLog(found.database_url, build_keys(found))
        threads.callback(log.close)
        yield Launchers(service=service, log=log, ehrs=ehrs)


def _ehr(kind: str, keys: EhrKeys, service: Served) -> SandboxDesk:
    """A confidential app is known by the keys that the service shows."""
    shown = requests.get(f"{service.url}/smart/jwks.json", timeout=30).json()
    app = RegisteredApp(
        client_id="lamo-evidence",
        redirect_uris=(f"{service.url}/smart/callback",),
        jwks=None if kind == "public" else shown,
    )
    other = RegisteredApp(client_id="other-app", redirect_uris=(f"{service.url}/cds-services",))
    return open_sandbox(keys.issuer, service.url, keys, [app, other])
