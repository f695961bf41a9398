"""Resources in memory: read, created, replaced and deleted, each with its version.

Only drafts of orders may be written: the rest of a chart is as it was made.
"""

import copy
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError

from cds_service.sandbox.fhir.errors import (
    Conflict,
    Deleted,
    NotSupported,
    NotThere,
    NotValid,
    OtherVersion,
)

Resource = dict[str, Any]

WRITABLE = frozenset({"MedicationRequest"})
STATUSES = frozenset(  # of a MedicationRequest; fhir.resources does not check the value sets
    "active on-hold cancelled completed entered-in-error stopped draft unknown".split()
)
ID = re.compile(r"[A-Za-z0-9.-]{1,64}")  # FHIR R4 datatype id


def _now() -> datetime:
    return datetime.now(UTC)


class Store:
    """The resources of a sandbox. What it hands out are copies."""

    def __init__(
        self, resources: Iterable[Mapping[str, Any]] = (), clock: Callable[[], datetime] = _now
    ) -> None:
        """Take resources as they are; each needs its resourceType and id."""
        self._lock = threading.Lock()
        self._clock = clock
        self._kept: dict[tuple[str, str], Resource] = {}
        self._gone: set[tuple[str, str]] = set()
        for resource in resources:
            self._keep(dict(copy.deepcopy(resource)), 1)

    def all_of(self, resource_type: str) -> Sequence[Resource]:
        """Every resource of a type."""
        with self._lock:
            found = [one for (kind, _), one in self._kept.items() if kind == resource_type]
        return copy.deepcopy(found)

    def read(self, resource_type: str, resource_id: str) -> Resource:
        """One resource.

        Raises:
            NotThere, Deleted: there is none, or none any more.
        """
        with self._lock:
            return copy.deepcopy(self._found((resource_type, resource_id)))

    def create(self, resource: Mapping[str, Any]) -> Resource:
        """Keep a new draft under an id of our own.

        Args:
            resource: as `valid_order` gave it back.
        """
        _require_draft(resource)
        kept = dict(copy.deepcopy(dict(resource))) | {"id": str(uuid4())}
        with self._lock:
            return self._keep(kept, 1)

    def update(
        self, resource: Mapping[str, Any], resource_id: str, if_match: str | None = None
    ) -> Resource:
        """Replace an order, which may be signed or stopped by that; or create it under this id.

        Args:
            resource: the whole of it, as `valid_order` gave it back.
            resource_id: of the address; the same as in the resource.
            if_match: the version that the sender knows.
        """
        kept = dict(copy.deepcopy(dict(resource)))
        if kept.get("id") != resource_id:
            raise NotValid("the id of the resource is not that of the address: send the same")
        key = (str(kept["resourceType"]), resource_id)
        with self._lock:
            there = self._kept.get(key)
            version = int(there["meta"]["versionId"]) if there else 0
            _check_version(if_match, version)
            if there is None:
                _require_draft(kept)
            self._gone.discard(key)
            return self._keep(kept, version + 1)

    def delete(self, resource_type: str, resource_id: str) -> None:
        """Delete a draft; one that is gone already is no error."""
        key = (resource_type, resource_id)
        _require_writable(resource_type)
        with self._lock:
            there = self._kept.get(key)
            if there is None:
                return
            if there.get("status") != "draft":
                raise Conflict("only a draft may be deleted: stop a signed order instead")
            del self._kept[key]
            self._gone.add(key)

    def _keep(self, resource: Resource, version: int) -> Resource:
        moment = self._clock().isoformat(timespec="milliseconds")
        resource["meta"] = {
            **resource.get("meta", {}),
            "versionId": str(version),
            "lastUpdated": moment,
        }
        self._kept[(str(resource["resourceType"]), str(resource["id"]))] = resource
        return copy.deepcopy(resource)

    def _found(self, key: tuple[str, str]) -> Resource:
        if key in self._gone:
            raise Deleted("the resource was deleted")
        if key not in self._kept:
            raise NotThere("no resource has this type and id: search for what there is")
        return self._kept[key]


def valid_order(resource: Mapping[str, Any]) -> Resource:
    """An order that may be kept.

    Raises:
        NotSupported: another type of resource.
        NotValid: it is no valid FHIR R4; says where.
    """
    resource_type = str(resource.get("resourceType"))
    _require_writable(resource_type)
    try:
        get_fhir_model_class(resource_type).model_validate(dict(resource))
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(step) for step in fault["loc"])
        raise NotValid(f"no valid {resource_type}: {where}: {fault['msg']}") from None
    if resource["status"] not in STATUSES:
        raise NotValid(f"no valid {resource_type}: status is one of {', '.join(sorted(STATUSES))}")
    if "id" in resource and ID.fullmatch(resource["id"]) is None:
        raise NotValid(f"no valid {resource_type}: id is 1 to 64 letters, digits, hyphens and dots")
    return dict(resource)


def _require_draft(resource: Mapping[str, Any]) -> None:
    if resource.get("status") != "draft":
        raise Conflict("only a draft may be created: send status 'draft', then update it")


def _require_writable(resource_type: str) -> None:
    if resource_type not in WRITABLE:
        raise NotSupported(f"this server takes {', '.join(WRITABLE)} alone: the rest is read only")


def _check_version(if_match: str | None, version: int) -> None:
    if if_match is not None and if_match.strip() not in (f'W/"{version}"', f'"{version}"'):
        raise OtherVersion(f'the present version is W/"{version}": read it again first')
