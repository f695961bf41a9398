from collections import Counter
from itertools import chain

import pytest

from lamo.synthetic.limit import bayes_optimal_jaccard, best_choice, jaccard
from lamo.visits import Visit
from tests.lamo.synthetic.cohort import cohort, mean


def prevalence_jaccard(visits: list[Visit]) -> float:
    counts = Counter(chain.from_iterable(visit.prescribed for visit in visits))
    tops = [frozenset(label for label, _ in counts.most_common(k)) for k in range(1, 31)]
    return max(mean(jaccard(top, visit.prescribed) for visit in visits) for top in tops)


def test_the_best_choice_takes_what_is_likely_and_leaves_the_rest() -> None:
    assert best_choice({"a": 0.9, "b": 0.8, "c": 0.05}) == {"a", "b"}
    assert best_choice({"a": 0.3, "b": 0.01}) == {"a"}


def test_jaccard_of_two_empty_sets_is_one() -> None:
    assert jaccard(frozenset(), frozenset()) == 1
    assert jaccard(frozenset("ab"), frozenset("bc")) == pytest.approx(1 / 3)


def test_the_limit_lies_far_above_the_prevalence_list(capsys: pytest.CaptureFixture[str]) -> None:
    visits = list(cohort())
    limit = bayes_optimal_jaccard(visits)
    with capsys.disabled():
        print()
        for setting in ("outpatient", "inpatient", "icu"):
            part = [visit for visit in visits if visit.setting == setting]
            print(
                f"{setting:10}  visits {len(part):4}  "
                f"medications {mean(len(v.prescribed) for v in part):5.1f}  "
                f"Bayes {bayes_optimal_jaccard(part):.3f}  "
                f"prevalence {prevalence_jaccard(part):.3f}"
            )
        print(f"all         Bayes {limit:.3f}  prevalence {prevalence_jaccard(visits):.3f}")
    assert 0.6 <= limit <= 0.75
    assert prevalence_jaccard(visits) < limit / 2
