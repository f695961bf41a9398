"""The tables of a terminology. They hold one release; loading another replaces every row.

They stand in the database of the audit log, and need no migration of their own: see
``audit/migrations/versions/v0003_terminology.py``.
"""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from cds_service.audit.models import Base


class ReleaseRow(Base):
    """What is loaded: one row at the most."""

    __tablename__ = "terminology_release"

    source: Mapped[str] = mapped_column(String(16), primary_key=True)  # rxnorm
    version: Mapped[str]  # as the release's folder or the operator calls it
    loaded_at: Mapped[str]  # RFC 3339 in UTC
    concepts: Mapped[int]
    codes: Mapped[int]


class ConceptRow(Base):
    """One RxNorm concept that has ingredients: an ingredient, a drug, a brand or a pack."""

    __tablename__ = "terminology_concept"

    rxcui: Mapped[str] = mapped_column(String(16), primary_key=True)
    tty: Mapped[str] = mapped_column(String(8))  # RxNorm's term type
    name: Mapped[str]


class IngredientRow(Base):
    """One ingredient of one concept; an ingredient has itself."""

    __tablename__ = "terminology_ingredient"

    rxcui: Mapped[str] = mapped_column(String(16), primary_key=True)
    ingredient: Mapped[str] = mapped_column(String(16), primary_key=True)


class CodeRow(Base):
    """A code of any system, RxNorm included, and the concept that it names."""

    __tablename__ = "terminology_code"

    system: Mapped[str] = mapped_column(String(64), primary_key=True)
    code: Mapped[str] = mapped_column(String(16), primary_key=True)  # an NDC has 11 digits
    rxcui: Mapped[str] = mapped_column(String(16), primary_key=True)  # some codes name several


TABLES = (CodeRow, IngredientRow, ConceptRow, ReleaseRow)
