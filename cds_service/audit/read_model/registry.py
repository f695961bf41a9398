"""Every projection that there is."""

from collections.abc import Sequence

from cds_service.audit.read_model.drift import DriftCounts
from cds_service.audit.read_model.following import Projection
from cds_service.audit.read_model.overrides import OverrideCounts
from cds_service.audit.read_model.search_projection import SEARCH

PROJECTIONS: Sequence[Projection] = (SEARCH, OverrideCounts(), DriftCounts())
