"""`lamo-cds doctor`: what stands in the way of an integration."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cds_service.manners import Teller, json_option
from cds_service.refusing import refusing

if TYPE_CHECKING:  # imports requests and SQLAlchemy, and help has to be instant
    from cds_service.doctor.checks import Told
    from cds_service.doctor.visit import Plan

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red", "n/a": None}
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def _refusals() -> tuple[type[Exception], ...]:
    from cds_service.audit.checkpoint import NoteRefused
    from cds_service.cds_client.signer import KeyFileRefused

    return KeyFileRefused, NoteRefused


@click.command()
@click.argument("url")
@click.option("--token-key", type=_FILE, help="Private key of a registered client: PEM or JWK.")
@click.option("--iss", help="The issuer that the client is registered with.")
@click.option("--kid", help="The id of the key, where the file does not name it.")
@click.option("--public-url", help="What tokens name, where URL is behind the proxy.")
@click.option("--ca-file", type=_FILE, help="Certificates to trust alone, PEM.")
@click.option("--origin", help="Of a client in a browser, as https://ehr.example.org.")
@click.option("--fhir", "fhir_base", help="A FHIR server that the service is to read.")
@click.option("--fhir-token", type=_FILE, help="A file with an access token for it.")
@click.option("--patient", "patient_id", help="The id of a patient on that server.")
@click.option(
    "--log-key", "log_keys", multiple=True, metavar="NAME+ID+KEY", help="As `audit key` prints."
)
@json_option
@refusing(_refusals)
def doctor(url: str, tell: Teller, **told: Any) -> None:
    """Look over the deployment at URL, as a CDS Client sees it, and say what to mend.

    It sends about 30 requests with a patient who is made up; a deployment of ours records its
    calls like all others. Exits with 1 when something failed.
    """
    from cds_service.doctor.checks import examine
    from cds_service.doctor.visit import Visit

    visit = Visit(_plan(url, told))
    counted: Counter[str] = Counter()
    for one in examine(visit):
        counted[one.finding.level] += 1
        tell(_as_text(one), **_as_json(one))
    if not tell.as_json:
        click.echo(
            f"\n{counted['fail']} failed, {counted['warn']} to look at, {counted['ok']} well, "
            f"{counted['n/a']} not looked at"
        )
    if counted["fail"]:
        raise SystemExit(1)


def _plan(url: str, told: dict[str, Any]) -> "Plan":
    from cds_service.audit.checkpoint import PublicKey
    from cds_service.cds_client.client import client_at
    from cds_service.cds_client.signer import read_signer
    from cds_service.doctor.visit import Plan, read_token

    if (told["token_key"] is None) != (told["iss"] is None):
        raise click.UsageError("give --token-key and --iss, or neither.")
    if (told["fhir_base"] is None) != (told["patient_id"] is None):
        raise click.UsageError("give --fhir and --patient, or neither.")
    key, ca_file = told["token_key"], told["ca_file"]
    signer = read_signer(key, told["iss"], told["kid"]) if key else None
    try:
        client = client_at(url, public_url=told["public_url"], signer=signer, ca_file=ca_file)
    except ValueError as wrong:
        raise click.UsageError(f"URL: {wrong}.") from None
    return Plan(
        client=client,
        origin=told["origin"],
        fhir_base=told["fhir_base"],
        fhir_token=read_token(told["fhir_token"]) if told["fhir_token"] else None,
        patient_id=told["patient_id"],
        log_keys=tuple(PublicKey.from_text(text) for text in told["log_keys"]),
    )


def _as_json(one: "Told") -> dict[str, str]:
    found = one.finding
    told = {"check": one.check, "level": found.level, "found": found.found, "mend": found.mend}
    return told | {"link": one.link}


def _as_text(one: "Told") -> str:
    level = click.style(f"{one.finding.level:<4}", fg=COLOURS[one.finding.level], bold=True)
    text = f"{level}  {one.check:<11}  {one.finding.found}"
    if not one.finding.mend:
        return text
    link = f" ({one.link})" if one.finding.level != "n/a" else ""
    return f"{text}\n      {'':<11}  -> {one.finding.mend}{link}"
