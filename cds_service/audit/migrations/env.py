"""Run by Alembic, in the transaction and on the connection that migrate.py hands over."""

from alembic import context

from cds_service.audit.migrate import VERSION_TABLE
from cds_service.audit.models import Base
from cds_service.audit.read_model import registry as _read_model  # noqa: F401 - its tables
from cds_service.notes import store as _notes  # noqa: F401 - its tables
from cds_service.reviewer.accounts import models as _accounts  # noqa: F401 - its tables
from cds_service.smart import models as _smart  # noqa: F401 - its tables
from cds_service.terminology import models as _terminology  # noqa: F401 - its tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
)
context.run_migrations()
