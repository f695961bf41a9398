"""From the free text of a drug (RxNorm display, order line, note) to known names in it.

The text becomes tokens, known names are found longest first, and what is neither a name nor
a dose, form or salt is told apart, so that half of a combination is never lost in silence.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[a-z]+|[^\sa-z0-9]")
_BRACKETS = re.compile(r"\[([^\]]*)\]")
_SOFT = frozenset("-,()'.")  # may stand inside a name: "Solu-Medrol", "insulin, regular"
_JOINERS = frozenset({"/", "+", "&", "-", "and", "with"})  # between the parts of a combination

_UNITS = frozenset(
    "mg mcg ug g gm gram grams kg ml l dl unt unit units u iu meq mmol mol hr hrs h hour hours "
    "min minute minutes day days d week weeks wk actuat cells sqcm cm ppm bau million mci "
    "microgram micrograms milligram milligrams nanogram nanograms litre litres liter liters".split()
)
_MASSES = frozenset(
    "mg mcg ug g gm gram grams meq mmol ml l unit units unt iu "
    "microgram micrograms milligram milligrams".split()
)
_VOLUMES = frozenset("ml l litre litres liter liters hr hrs h hour hours actuat actuation".split())
_SALTS = frozenset(
    "acetate acid anhydrous besilate besylate bitartrate bromide bromhydrate calcium carbonate "
    "chloride citrate clavulanate dihydrate dimesylate diphosphate disodium etexilate fumarate "
    "gluconate hcl hemihydrate hydrobromide hydrochloride hydrocholoride iodide lactate magnesium "
    "malate maleate medoxomil mesilate mesylate monohydrate mononitrate nitrate oxide pamoate "
    "phosphate potassium proxetil silicate sodium stearate succinate sulfate sulphate tartrate "
    "tosylate trihydrate tromethamine undecylenate valerate xinafoate zinc axetil pivoxil "
    "cilexetil cypionate decanoate propionate furoate erbumine bisulfate hyclate "
    "dipropionate polystirex glucoheptonate".split()
)
_FORMS = frozenset(
    "a abuse act actuation actuations adhesive aerosol and applicator as auto bar bid buccal by "
    "bottle cap caplet caplets caps capsule capsules cartridge chewable chew continuous cream "
    "daily delayed deterrent dev device diluent disintegrating disintegrate disk dispersible dose "
    "doses drip drop drops drug dry ec effervescent elixir emulsion enema enteric coated er every "
    "extended film flush foam for free gas gel granules gtt gum hs im implant in inert infusion "
    "ingredient ingredients inhal inhalant inhalation inhaled inhaler inhaler inj injectable "
    "injection injector insert intramuscular intranasal intrauterine intravenous ir irrigation iv "
    "jelly kit la lancet liquid long acting lotion lozenge macrocrystals meter metered mouth "
    "mouthwash mucosal nasal nda neb nebs nebulized nebuliser nebulizer night nightly ointment "
    "once one oral orally osmotic pack packet paste patch patches pellet pen per po powder pr "
    "prefilled preservative premix prn product products puff puffs q qam qd qday qhs qid qod "
    "quick ready rectal release reservoir resin ring rinse sc scale shampoo short sl sliding "
    "soft sol solution spray sprays sq sr sterile strip subcutaneous sublingual suppository "
    "suspension sustained syringe syrup system tab tablet tablets tabs taken take tape the tid "
    "tincture to topical transdermal troche twice unknown use usp vag vaginal vial w wafer "
    "weekly with xl xr cr sa dr pump pf the of supplement supplements human recombinant buffered "
    "ophthalmic otic eye ear modified pill pills home med meds medication two three four times "
    "oint ophth soln liq hp iso osm plus opht "
    "bedtime bolus mini bag "
    "gastro resistant modified prolonged slow mr soluble orodispersible film films oromucosal "
    "filled pre pens syringes devices disposable cartridges injectors ampoule ampoules amp amps "
    "vials bags bottles sachet sachets pessary pessaries plaster plasters inhalers breath actuated "
    "cfc sugar paediatric pediatric".split()
)
_SECOND = frozenset("hct hc pm dm".split())
_NOISE = _UNITS | _SALTS | _FORMS
# single words that are as often a salt, a laboratory value or the head of another name
_BARE = frozenset("magnesium calcium glucose insulin zinc potassium sodium phosphate iron".split())


@dataclass(frozen=True, slots=True)
class Token:
    """One word, number or sign of a drug text, in lower case."""

    text: str

    @property
    def is_word(self) -> bool:
        """Letters only: neither a number nor a sign."""
        return self.text.isalpha()

    @property
    def is_significant(self) -> bool:
        """A word that may name a drug: no dose, form, salt or single letter."""
        return self.is_word and len(self.text) > 1 and self.text not in _NOISE


@dataclass(frozen=True, slots=True)
class NameMatch:
    """A known name in a text: tokens first to last, and the codes that it stands for."""

    first: int
    last: int
    rxcuis: tuple[str, ...]


def fold(text: str) -> str:
    """Lower case without accents, trademarks and apostrophes."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(c for c in plain if not unicodedata.combining(c) and c not in "'\u2019\u00ae")


def tokenise(text: str) -> list[Token]:
    """Split into words, numbers and signs: "B12" is two tokens, "40mg" as well."""
    return [Token(found) for found in _TOKEN.findall(fold(text))]


def name_key(name: str) -> tuple[str, ...]:
    """The words and numbers of a name, which two spellings of it share."""
    return tuple(token.text for token in tokenise(name) if token.text not in _SOFT)


class NameIndex:
    """Known names and the ingredient codes that each stands for."""

    def __init__(self, names: Mapping[tuple[str, ...], tuple[str, ...]]) -> None:
        self._names = names
        self._longest: dict[str, int] = {}
        for key in names:
            self._longest[key[0]] = max(len(key), self._longest.get(key[0], 0))

    def matches(self, tokens: Sequence[Token]) -> list[NameMatch]:
        """Every known name in the text, from left to right, the longest at each place."""
        found: list[NameMatch] = []
        at = 0
        while at < len(tokens):
            match = self._longest_at(tokens, at)
            if match is not None and not self._is_bare_salt(tokens, match):
                found.append(match)
            at = match.last + 1 if match is not None else at + 1
        return found

    def _longest_at(self, tokens: Sequence[Token], first: int) -> NameMatch | None:
        """The longest name that starts at this token, across soft signs only."""
        key: tuple[str, ...] = ()
        best: NameMatch | None = None
        limit = self._longest.get(tokens[first].text, 0)
        for last in range(first, len(tokens)):
            if tokens[last].text in _SOFT and key:
                continue
            key = (*key, tokens[last].text)
            if len(key) > limit:
                break
            if key in self._names:
                best = NameMatch(first, last, self._names[key])
        return best

    def _is_bare_salt(self, tokens: Sequence[Token], match: NameMatch) -> bool:
        """Whether it is the "magnesium" of "esomeprazole magnesium" or "magnesium salicylate"."""
        if not is_bare(tokens, match):
            return False
        before = tokens[match.first - 1] if match.first else None
        after = [token for token in tokens[match.last + 1 : match.last + 3] if token.text != ","]
        return (before is not None and before.is_significant) or (
            bool(after) and self._continues(after[0])
        )

    def _continues(self, token: Token) -> bool:
        """Whether a word carries on the name before it, and begins none of its own."""
        return token.text in _SALTS or (token.is_significant and token.text not in self._longest)


def without_brackets(text: str) -> tuple[str, str]:
    """The text outside square brackets, and what stood in them (RxNorm's brand name)."""
    return _BRACKETS.sub(" ", text), " ".join(_BRACKETS.findall(text))


def parts(tokens: Sequence[Token], matches: Iterable[NameMatch]) -> Iterator[tuple[int, int]]:
    """The stretches of a combination, as (first, end) of tokens.

    A joiner inside a known name, between two doses ("MG/ML", "0.12/0.015") or before the volume of
    one ("20mg/2ml ampoules", "50 mcg/24 hours") joins nothing.
    """
    inside = {i for match in matches for i in range(match.first, match.last + 1)}
    begin = 0
    for at, token in enumerate(tokens):
        if token.text in _JOINERS and at not in inside and _joins(tokens, at):
            yield begin, at
            begin = at + 1
    yield begin, len(tokens)


def _joins(tokens: Sequence[Token], at: int) -> bool:
    """Whether the joiner at this place has a possible drug name on its right."""
    if at + 1 >= len(tokens):
        return False
    right = tokens[at + 1]
    if tokens[at].text == "-":  # "hydrocodone-acetaminophen", but not "auto-injector"
        return right.is_significant and at > 0 and tokens[at - 1].is_significant
    if not _is_number(right):
        return right.text not in _UNITS
    unit = tokens[at + 2].text if at + 2 < len(tokens) else ""
    return not (_is_number(tokens[at - 1]) or unit in _VOLUMES)


def _is_number(token: Token) -> bool:
    return token.text[0].isdigit()


def has_dose(tokens: Sequence[Token], after: int) -> bool:
    """Whether a dose follows: "magnesium 400 mg", and not the value "glucose 120 mg/dL"."""
    rest = [token.text for token in tokens[after + 1 : after + 5]]
    is_dose = len(rest) > 1 and rest[0][0].isdigit() and rest[1] in _MASSES
    return is_dose and rest[2:4] not in (["/", "dl"], ["/", "l"])


def stands_alone(tokens: Sequence[Token], match: NameMatch) -> bool:
    """Whether the line holds this name and nothing else but a list mark: "4. calcium"."""
    before = tokens[: match.first]
    return match.last == len(tokens) - 1 and not any(token.is_word for token in before)


def second_ingredients(tokens: Sequence[Token], matches: Iterable[NameMatch]) -> list[str]:
    """The letters after a name that stand for an ingredient of their own: "Brand-HCT"."""
    after = ([t for t in tokens[m.last + 1 : m.last + 3] if t.text != "-"] for m in matches)
    return [rest[0].text for rest in after if rest and rest[0].text in _SECOND]


def is_bare(tokens: Sequence[Token], match: NameMatch) -> bool:
    """Whether the match is a single word that is as often a laboratory value as a drug."""
    return match.first == match.last and tokens[match.first].text in _BARE


def fold_placed(text: str) -> tuple[str, list[int] | None]:
    """`fold`, and for each character of it its place in the text; None where they are the same."""
    if text.isascii() and "'" not in text:
        return text.lower(), None
    folded, places = [], []
    for place, char in enumerate(text):
        for part in fold(char):
            folded.append(part)
            places.append(place)
    return "".join(folded), places


def tokenise_placed(text: str) -> tuple[list[Token], list[tuple[int, int]]]:
    """The tokens of a text, and where in the text each stands, as (start, end)."""
    folded, places = fold_placed(text)
    found = list(_TOKEN.finditer(folded))
    tokens = [Token(one[0]) for one in found]
    if places is None:
        return tokens, [one.span() for one in found]
    return tokens, [(places[one.start()], places[one.end() - 1] + 1) for one in found]
