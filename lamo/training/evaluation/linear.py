"""One-vs-rest logistic regression: the fair opponent of any language model.

Solver: liblinear. On 8,936 visits and 4,843 features it takes 17 s for 211 medications, lbfgs 29 s
and saga 32 s with the same log loss within 0.5 %; SGD takes 7 s and is 17 % worse.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from lamo.training.evaluation.features import Seen

STRENGTHS = (0.1, 0.3, 1.0)  # inverse regularisation, chosen on validation
TRIED_ON = 24  # medications on which the strength is chosen
RAREST = 2  # visits that a word must be in
WORDS = 4000  # of the digest's text

_ALWAYS = "visitdigest"  # a word of every visit: a cohort without notes still has a vocabulary

Matrix = Any  # scipy.sparse.csr_matrix, (visits, features)
Features = Callable[[Sequence[Seen]], Matrix]


@dataclass(frozen=True, slots=True)
class Training:
    """What the regression learns from."""

    train: Sequence[Seen]
    train_prescribed: Tensor  # (visits, candidates) bool
    validation: Sequence[Seen]
    validation_prescribed: Tensor


@dataclass(frozen=True, slots=True)
class LinearModel:
    """One weight vector per medication over the features."""

    features: Features
    weights: NDArray[np.float64]  # (candidates, features)
    bias: NDArray[np.float64]  # (candidates,)
    strength: float

    def log_odds(self, visits: Sequence[Seen]) -> Tensor:
        """(visits, candidates) float32."""
        return torch.from_numpy(self.features(visits) @ self.weights.T + self.bias).float()


def fit_linear(data: Training, features: Features) -> LinearModel:
    """Choose the strength on validation, then fit every medication with it.

    Args:
        data: training and validation visits.
        features: `code_features` or `all_features` of the training visits.
    """
    inputs = features(data.train)
    targets = data.train_prescribed.numpy()
    step = max(1, targets.shape[1] // TRIED_ON)
    tried = np.arange(0, targets.shape[1], step)
    wanted = data.validation_prescribed[:, tried].float()
    asked = features(data.validation)

    def loss(strength: float) -> float:
        weights, bias = _fit(inputs, targets[:, tried], strength)
        log_odds = torch.from_numpy(asked @ weights.T + bias).float()
        return binary_cross_entropy_with_logits(log_odds, wanted).item()

    strength = min(STRENGTHS, key=loss)
    return LinearModel(features, *_fit(inputs, targets, strength), strength)


def code_features(train: Sequence[Seen]) -> Features:
    """Multi-hot codes of the visit, with age band, sex and setting."""
    codes = _bag().fit([seen.codes for seen in train])
    return lambda visits: codes.transform([seen.codes for seen in visits]).astype(np.float64)


def all_features(train: Sequence[Seen]) -> Features:
    """Codes, the previous stay, home medications, allergies, and TF-IDF of the digest's text."""
    codes, history = code_features(train), _bag().fit([seen.history for seen in train])
    words = TfidfVectorizer(
        min_df=RAREST, max_features=WORDS, sublinear_tf=True, ngram_range=(1, 2)
    )
    words.fit([f"{seen.text} {_ALWAYS}" for seen in train])

    def features(visits: Sequence[Seen]) -> Matrix:
        past = history.transform([seen.history for seen in visits])
        text = words.transform([f"{seen.text} {_ALWAYS}" for seen in visits])
        return sparse.hstack([codes(visits), past, text]).tocsr()

    return features


def _bag() -> Any:
    """A multi-hot encoder of ready-made words."""
    return CountVectorizer(analyzer=_itself, binary=True, min_df=1)


def _itself(words: Sequence[str]) -> Sequence[str]:
    return words or (_ALWAYS,)


def _fit(
    inputs: Matrix, targets: NDArray[np.bool_], strength: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(candidates, features) weights and (candidates,) biases."""
    weights = np.zeros((targets.shape[1], inputs.shape[1]))
    share = (targets.sum(axis=0) + 0.5) / (len(targets) + 1)
    bias = np.log(share / (1 - share))
    for column, target in enumerate(targets.T):
        if target.any() and not target.all():
            model = LogisticRegression(C=strength, solver="liblinear", random_state=0)
            model.fit(inputs, target)
            weights[column], bias[column] = model.coef_[0], model.intercept_[0]
    return weights, bias
