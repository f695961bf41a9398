"""The service with a model that costs nothing, for benchmarks.shell: everything else is real.

python -m benchmarks.stubbed_service
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cds_service.artifacts.models import chosen_models
from cds_service.environment import read_settings
from cds_service.logs import configure_logs, route_libraries
from cds_service.observing.processes import share_counts
from cds_service.serve import listen
from cds_service.tools import load
from lamo.deadline import Deadline
from lamo.prompts import Prompt

FAR_UNDER = -20.0  # log-odds under any threshold: every order is judged unsupported


@dataclass(frozen=True, slots=True)
class StubScorer:
    """Answers at once, the same for every candidate."""

    def score(
        self, prompt: Prompt, candidates: Sequence[str], deadline: Deadline
    ) -> Mapping[str, float]:
        """Return the same log-odds by candidate."""
        del prompt, deadline
        return dict.fromkeys(candidates, FAR_UNDER)


def main() -> None:
    """Serve as `lamo-cds serve` does, over a database that has its tables."""
    settings = read_settings()
    configure_logs(settings.log_level)
    route_libraries()
    share_counts(settings.var_dir)
    loaded = load(settings, chosen_models(settings))
    listen(settings, replace(loaded, model=replace(loaded.model, scorer=StubScorer())))


if __name__ == "__main__":
    main()
