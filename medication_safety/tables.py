"""The shape of each knowledge table on disk. A table that does not fit is refused whole."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, StringConstraints

Name = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Rxcui = Annotated[str, StringConstraints(pattern=r"^[0-9]+$")]


class Row(BaseModel):
    """One object of a table: nothing missing, nothing unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Member(Row):
    """One ingredient of a group."""

    name: Name
    rxcui: Rxcui


Members = Annotated[tuple[Member, ...], Field(min_length=1)]


class Groups(RootModel[Annotated[dict[Name, Members], Field(min_length=1)]]):
    """Groups of ingredients by name: `allergy_classes.json`, `drug_classes.json`."""

    model_config = ConfigDict(frozen=True)


class CrossRule(Row):
    """A recorded group that speaks against another, or against itself."""

    recorded: Name
    against: Name
    level: Literal["warning", "info"]
    class_only: bool = False  # True: only where the class itself is what was recorded
    excluded: tuple[Name, ...] = Field(default=(), alias="except")  # groups, on either side
    reactions: tuple[Name, ...] = ()  # empty: after any reaction
    unknown_counts: bool = False  # True: also where no reaction is recorded

    def fits(self, reactions: tuple[str, ...]) -> bool:
        """Whether the rule speaks after these recorded reactions."""
        if not self.reactions:
            return True
        if not reactions:
            return self.unknown_counts
        said = " ".join(reactions).lower()
        return any(word in said for word in self.reactions)


class Tolerance(Row):
    """Reactions that, alone, are an intolerance in these groups."""

    groups: tuple[Name, ...]
    words: tuple[Name, ...]


class AllergyRules(Row):
    """`allergy_rules.json`."""

    status: Name
    groups: dict[Name, Members]
    rules: Annotated[tuple[CrossRule, ...], Field(min_length=1)]
    recorded_words: dict[Name, tuple[Name, ...]]
    tolerance_reactions: Tolerance


class Family(Row):
    """Classes of which two different ingredients together are a duplicate."""

    name: Name
    classes: Annotated[tuple[Name, ...], Field(min_length=1)]


class MeantPair(Row):
    """Two ingredients of one family that are given together on purpose."""

    one: Rxcui
    other: Rxcui
    why: Name


class DuplicateRules(Row):
    """`duplicate_rules.json`."""

    status: Name
    families: Annotated[tuple[Family, ...], Field(min_length=1)]
    meant_pairs: tuple[MeantPair, ...]
    given_together: tuple[Name, ...]  # words in a formulary class: members are combined
    repeated_on_purpose: tuple[Name, ...]  # formulary classes: fluids, electrolytes, infusions
