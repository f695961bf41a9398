"""How good a set of recommendations is: metrics, baselines, intervals, and the report of them.

`study.evaluate` is the table of contents. What only compares tensors is importable from here
and needs torch alone; the baselines and plots need the extra `train`.
"""

from lamo.training.evaluation.choices import expected_jaccard_choice, prevalence_top_k
from lamo.training.evaluation.sets import medication_ratios, rounded, set_metrics

__all__ = [
    "expected_jaccard_choice",
    "medication_ratios",
    "prevalence_top_k",
    "rounded",
    "set_metrics",
]
