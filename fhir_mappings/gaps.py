"""The list that gaps are put on while one call is mapped."""

from fhir_mappings.record import Gap


class Gaps:
    """What could not be read, each thing once, in the order met."""

    def __init__(self) -> None:
        self._met: dict[Gap, None] = {}

    def add(self, kind: str, where: str, meaning: str, *, shown: bool = False) -> None:
        """Put one gap on the list; the same gap a second time changes nothing.

        The meaning is a clause without its capital and full stop, as the code around reads best.
        """
        sentence = f"{meaning[:1].upper()}{meaning[1:]}."
        self._met[Gap(kind=kind, where=where, meaning=sentence, shown=shown)] = None

    def malformed(self, where: str, element: str, *, shown: bool = False) -> None:
        """Say that one element had a type that FHIR does not allow there."""
        meaning = (
            f"element {element} is not of the type that FHIR wants: only its valid part was read"
        )
        self.add("malformed", where, meaning, shown=shown)

    def all(self) -> tuple[Gap, ...]:
        """Every gap so far."""
        return tuple(self._met)
