"""The cohort with its orders, a part of it with one medication too many, made once."""

from functools import cache

from lamo.synthetic.injection import InjectedVisit, synthesize_injected
from tests.lamo.synthetic.cohort import SEED


@cache
def injected() -> tuple[InjectedVisit, ...]:
    return tuple(synthesize_injected(300, SEED))
