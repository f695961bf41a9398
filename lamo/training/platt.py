"""Sigmoid scaling with a slope and a bias per medication, shrunk to those of its group.

p = sigmoid(a_g s + b_g + alpha_m (s - c_m) + beta_m), for medication m of group g and score s.
c_m is where the scores are least certain, so that alpha and beta do not trade against each other.
alpha and beta have normal priors around 0 whose variances are estimated from the medications
themselves (empirical Bayes, by expectation-maximisation): if all scores are off alike, a rare
medication takes its group's numbers; if each is off in its own way, it keeps its own.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

ROUNDS = 3  # of estimating the prior variances; they hardly move after that
FIRST_VARIANCE = (0.1, 0.5)  # of alpha and of beta
LEAST_VARIANCE = 1e-3
LEAST_SLOPE = 0.05  # a score never counts against the medication
GROUP_PRECISION = 1.0  # of a group's slope around 1 and bias around 0: a few visits' worth


@dataclass(frozen=True, slots=True)
class _Scores:
    log_odds: Tensor  # (visits, candidates)
    centered: Tensor  # the same, from each medication's center
    target: Tensor  # (visits, candidates) float32
    groups: Tensor  # (candidates,)

    def logits(self, shared: Tensor, own: Tensor) -> Tensor:
        """shared (2, groups), own (2, candidates) -> (visits, candidates)."""
        a, b = shared[:, self.groups]
        logits: Tensor = a * self.log_odds + b + own[0] * self.centered + own[1]
        return logits


def platt(log_odds: Tensor, prescribed: Tensor, groups: Tensor) -> tuple[Tensor, Tensor]:
    """Fit slope and bias, (candidates,) each: probability = sigmoid(slope * log-odds + bias).

    Args:
        log_odds: (visits, candidates) float32.
        prescribed: (visits, candidates) bool.
        groups: (candidates,) int64 from 0, the group of each medication.
    """
    uncertainty = torch.sigmoid(log_odds) * torch.sigmoid(-log_odds) + 1e-9
    center = (uncertainty * log_odds).sum(dim=0) / uncertainty.sum(dim=0)
    scores = _Scores(log_odds, log_odds - center, prescribed.float(), groups)
    variance = torch.tensor(FIRST_VARIANCE)
    shared = torch.stack([torch.ones(int(groups.max()) + 1), torch.zeros(int(groups.max()) + 1)])
    own = torch.zeros(2, log_odds.shape[1])
    for _ in range(ROUNDS):
        shared, own = _fit(scores, shared, own, variance)
        variance = _estimate_variance(scores, shared, own, variance)
    free = shared[0, groups] + own[0]
    slope = free.clamp(min=LEAST_SLOPE)
    at_center = free * center + shared[1, groups] + own[1] - own[0] * center
    return slope, at_center - slope * center


def _fit(scores: _Scores, shared: Tensor, own: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """The most likely parameters under the priors."""
    shared, own = shared.clone().requires_grad_(), own.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([shared, own], max_iter=100, line_search_fn="strong_wolfe")
    usual = torch.tensor([[1.0], [0.0]])

    def closure() -> Tensor:
        optimizer.zero_grad()
        logits = scores.logits(shared, own)
        loss = binary_cross_entropy_with_logits(logits, scores.target, reduction="sum")
        loss = loss + (own.square().sum(dim=1) / variance).sum() / 2
        loss = loss + GROUP_PRECISION * (shared - usual).square().sum() / 2
        loss.backward()
        return loss

    optimizer.step(closure)
    return shared.detach(), own.detach()


def _estimate_variance(scores: _Scores, shared: Tensor, own: Tensor, variance: Tensor) -> Tensor:
    """The mean square of alpha and of beta, with what is left uncertain of each."""
    probability = torch.sigmoid(scores.logits(shared, own))
    information = probability * (1 - probability)
    known = torch.stack(
        [(information * scores.centered.square()).sum(dim=0), information.sum(dim=0)]
    )
    spread = own.square() + 1 / (known + 1 / variance[:, None])
    return spread.mean(dim=1).clamp(min=LEAST_VARIANCE)
