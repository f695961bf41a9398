"""From a log-odds to a calibrated probability, as validation fitted it."""

import math
from bisect import bisect_left
from collections.abc import Sequence

Curve = Sequence[tuple[float, float]]  # (log-odds, probability), both increasing


def calibrated(log_odds: float, slope: float, bias: float, curve: Curve = ()) -> float:
    """The probability by the curve, where there is one; else sigmoid(slope * log_odds + bias).

    Between the points of a curve the probability is linear; beyond its ends it stays.
    """
    if curve:
        return _on_curve(log_odds, curve)
    return 1 / (1 + math.exp(-max(-60.0, slope * log_odds + bias)))


def _on_curve(log_odds: float, curve: Curve) -> float:
    right = bisect_left(curve, log_odds, key=lambda point: point[0])
    if right == 0:
        return curve[0][1]
    if right == len(curve):
        return curve[-1][1]
    (x0, y0), (x1, y1) = curve[right - 1], curve[right]
    return y0 + (y1 - y0) * (log_odds - x0) / (x1 - x0)
