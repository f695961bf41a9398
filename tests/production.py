"""The settings of a service in production mode with one registered client."""

import json
from pathlib import Path

from tests.tokens import ISSUER, Signer

PUBLIC_URL = "https://cds.example.org"
CLIENT = "ehr-1"


def production(folder: Path, signer: Signer, fhir_base: str | None = None) -> dict[str, str]:
    """Write the client's registration into a folder; return what names it."""
    (folder / "jwks.json").write_text(json.dumps(signer.jwks))
    bases = json.dumps([fhir_base] if fhir_base else [])
    (folder / "clients.toml").write_text(
        f'[[client]]\nname = "{CLIENT}"\nissuer = "{ISSUER}"\njwks = "jwks.json"\n'
        f"fhir_bases = {bases}\n"
    )
    return {
        "LAMO_MODE": "production",
        "LAMO_PUBLIC_URL": PUBLIC_URL,
        "LAMO_CLIENTS_FILE": str(folder / "clients.toml"),
        "LAMO_ALLOW_DEMONSTRATION": "true",
        "LAMO_OUTBOUND_NETWORKS": "127.0.0.0/8",
    }
