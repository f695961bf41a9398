"""How far every projection has come."""

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from cds_service.audit.models import Base, table_of
from cds_service.audit.typed import make_strict


class ProjectionRow(Base):
    """One projection; changed in the transaction that changes the projection's own tables."""

    __tablename__ = "projection"

    name: Mapped[str] = mapped_column(primary_key=True)
    next_leaf: Mapped[int] = mapped_column(BigInteger)  # the first leaf that it has not seen


PROJECTION = table_of(ProjectionRow)
make_strict([PROJECTION])
