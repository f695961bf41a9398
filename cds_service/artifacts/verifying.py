"""Does an artefact do here what its training said? Hashes, tokens, vocabulary and the probe."""

from collections.abc import Callable, Iterator

from fhir_mappings.formulary import Formulary, UnknownIngredient
from lamo.artifact import Artifact, ArtifactRefused
from lamo.deadline import Deadline
from lamo.scoring.base import Scorer, ScorerUnavailable
from lamo.scoring.probe import AGREES_WITHIN, probe, widest
from lamo.scoring.tokens import CandidateTokens, TokenizerMerges

PROBE_MS = 600_000.0  # a large model on a processor
MOST_NAMED = 5


def verified(artifact: Artifact, formulary: Formulary, load: Callable[[], Scorer]) -> Iterator[str]:
    """Look at an artefact whose hashes and prompt version were verified when it was loaded.

    Args:
        artifact: the artefact.
        formulary: whose medications it may score.
        load: makes what scores with it; called when all else is right.

    Yields:
        What was found to be right, a line each.

    Raises:
        ArtifactRefused: something is not; says what to do.
    """
    is_whole = artifact.base_model_folder.is_relative_to(artifact.folder)
    yield f"{len(artifact.files)} files have the hashes of the manifest"
    if not is_whole:
        yield f"the base model lies outside, in {artifact.base_model_folder}: it has no hash here"
    yield f"prompt version {artifact.prompt_version} is one that this version renders"
    yield _tokens(artifact)
    yield _vocabulary(artifact, formulary)
    yield _probe(artifact, load)


def _tokens(artifact: Artifact) -> str:
    """The two answers are the tokens that the tokenizer writes behind a prompt."""
    try:
        encode = CandidateTokens(artifact).encode
    except TokenizerMerges as error:
        raise ArtifactRefused(f"{artifact.folder}: {error}") from None
    for word, token in artifact.answer_token_ids.items():
        if token not in (encode(word)[:1] + encode(f" {word}")[:1]):
            raise ArtifactRefused(
                f"{artifact.folder}: the tokenizer does not begin {word!r} with token {token}, "
                "which the manifest names: pack the artefact again with the tokenizer of its base"
            )
    return "the answer tokens are those of the tokenizer"


def _vocabulary(artifact: Artifact, formulary: Formulary) -> str:
    groups = {group.name for group in artifact.groups}
    strange = [one.label for one in artifact.vocabulary if not _is_known(one.rxcui, formulary)]
    astray = [one.label for one in artifact.vocabulary if one.group not in groups]
    if strange or astray:
        named = ", ".join((strange or astray)[:MOST_NAMED])
        why = "have an RxNorm code that the formulary lacks" if strange else "are in no group"
        raise ArtifactRefused(
            f"{artifact.folder}: {len(strange or astray)} of its medications {why} ({named}): "
            "train it on this formulary, or install the version that it was trained with"
        )
    return f"{len(artifact.vocabulary)} medications in {len(groups)} groups, all in the formulary"


def _is_known(rxcui: str, formulary: Formulary) -> bool:
    try:
        formulary.entry(rxcui)
    except UnknownIngredient:
        return False
    return True


def _probe(artifact: Artifact, load: Callable[[], Scorer]) -> str:
    if not artifact.probe:
        return "it records no probe: whether it scores here as in training is not known"
    try:
        asked = probe(artifact.layout)
        found = load().score(asked, list(artifact.probe), Deadline.after_ms(PROBE_MS))
    except ScorerUnavailable as reason:
        raise ArtifactRefused(f"{artifact.folder} could not score its probe: {reason}") from None
    worst = widest(artifact.probe, found)
    if worst is not None and worst.size > AGREES_WITHIN:
        raise ArtifactRefused(
            f"{artifact.folder} scores {worst.label} with {worst.found:.2f} where its training "
            f"said {worst.expected:.2f} for the same prompt: other weights or another tokenizer, "
            "or a number format too coarse (LAMO_MODEL_DTYPE)"
        )
    apart = worst.size if worst else 0.0
    return f"the probe scores as in training (at most {apart:.4f} log-odds apart)"
