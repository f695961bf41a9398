"""What the sandbox's FHIR server can do, told as a CapabilityStatement and to SMART apps."""

from collections.abc import Mapping
from typing import Any

from cds_service.sandbox.fhir.parameters import PARAMETERS
from cds_service.sandbox.fhir.search import INCLUDES
from cds_service.sandbox.fhir.store import WRITABLE

_OAUTH = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
_READING = ("read", "search-type")
_WRITING = ("create", "update", "delete")


def capability_statement(base: str, smart: Mapping[str, Any] | None) -> dict[str, Any]:
    """The CapabilityStatement of the server at this base.

    Args:
        base: its URL.
        smart: its SMART configuration; None for a server without one.
    """
    rest: dict[str, Any] = {
        "mode": "server",
        "resource": [_resource(name) for name in PARAMETERS],
    }
    if smart is not None:
        rest["security"] = _security(smart)
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-26",
        "kind": "instance",
        "implementation": {"description": "LAMO CDS sandbox: made-up patients", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [rest],
    }


def _resource(name: str) -> dict[str, Any]:
    codes = (*_READING, *(_WRITING if name in WRITABLE else ()))
    includes = [one for one in INCLUDES if one.startswith(f"{name}:")]
    return {
        "type": name,
        "versioning": "versioned",
        "interaction": [{"code": code} for code in codes],
        **({"updateCreate": True} if name in WRITABLE else {}),
        **({"searchInclude": includes} if includes else {}),
        "searchParam": [
            {"name": parameter, "type": found.kind} for parameter, found in PARAMETERS[name].items()
        ],
    }


def _security(smart: Mapping[str, Any]) -> dict[str, Any]:
    urls = (("authorize", "authorization_endpoint"), ("token", "token_endpoint"))
    extension = [{"url": name, "valueUri": smart[member]} for name, member in urls]
    system = "http://terminology.hl7.org/CodeSystem/restful-security-service"
    return {
        "cors": True,
        "service": [{"coding": [{"system": system, "code": "SMART-on-FHIR"}]}],
        "extension": [{"url": _OAUTH, "extension": extension}],
    }
