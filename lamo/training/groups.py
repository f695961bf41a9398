"""Which medications share an adapter. The choice is data in the artifact."""

from collections.abc import Iterable

from fhir_mappings.formulary import FormularyEntry


def group_by_class(entries: Iterable[FormularyEntry], most: int = 8) -> dict[str, tuple[str, ...]]:
    """Group labels by the formulary's ATC-like group; the smallest groups are joined.

    Args:
        entries: the candidates.
        most: how many groups there may be; each costs one run of the prefix when serving.

    Returns:
        Labels by group name (a folder-safe word), in the order of the formulary.
    """
    groups: dict[str, list[str]] = {}
    for entry in entries:
        groups.setdefault(entry.atc_group, []).append(entry.label)
    ranked = sorted(groups, key=lambda name: (-len(groups[name]), name))
    kept, joined = ranked[: most - 1], ranked[most - 1 :]
    result = {_slug(name): tuple(groups[name]) for name in kept}
    if joined:
        result["other"] = tuple(label for name in joined for label in groups[name])
    return result


def _slug(name: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())
