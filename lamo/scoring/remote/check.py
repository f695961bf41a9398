"""Before the first hook: does the server have these adapters, and does it score as training did?"""

from lamo.deadline import Deadline
from lamo.scoring.base import ScorerUnavailable
from lamo.scoring.probe import AGREES_WITHIN, probe, widest
from lamo.scoring.remote.scorer import RemoteScorer, adapter_names

CHECK_MS = 60_000.0


class ServerRefused(Exception):  # noqa: N818 - a situation, named as such
    """The scoring server cannot serve this artifact; the message says what was found."""


def check_server(scorer: RemoteScorer, agrees_within: float = AGREES_WITHIN) -> float:
    """Ask the server for its adapters and for the probe's scores.

    Returns:
        The largest difference in log-odds to the artifact's own; 0 where it has no probe.

    Raises:
        ServerRefused: adapters are missing, nothing was answered, or the scores are others.
    """
    deadline = Deadline.after_ms(CHECK_MS)
    expected, asked = scorer.artifact.probe, probe(scorer.artifact.layout)
    try:
        found = scorer.speaks.adapters(deadline)
        wanted = adapter_names(scorer.artifact)
        if missing := sorted(set(wanted.values()) - found):
            raise ServerRefused(
                f"the scoring server has no adapters {missing} (it has {sorted(found)}): load each "
                "group's adapter under this name, which holds the hash of its weights"
            )
        scores = scorer.score(asked, list(expected), deadline) if expected else {}
    except ScorerUnavailable as reason:
        raise ServerRefused(f"{reason}: start it, or mend the settings that name it") from reason
    worst = widest(expected, scores)
    if worst is None:
        return 0.0
    if worst.size > agrees_within:
        raise ServerRefused(
            f"the scoring server says {worst.found:.2f} of {worst.label} where the artifact says "
            f"{worst.expected:.2f} for the same prompt: other weights, another tokenizer or a "
            "coarser number format; load the base model and adapters of this artifact"
        )
    return worst.size
