"""The operator's page about refused tokens."""

from collections.abc import Sequence

from markupsafe import Markup

from cds_service.clients.refused import REASONS, RefusedToken

TABLE = Markup("""<p>What whoever sent them was not told. A row is what one client was refused for
one reason within one minute; the detail is of the last one.</p>
<table>
<thead><tr><th>Minute (UTC)</th><th>Client</th><th>Tokens</th><th>Why</th><th>Detail</th>
<th>Last request</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>""")
ROW = Markup(
    "<tr><td>{minute}</td><td>{client}</td><td>{count}</td><td>{why}</td><td>{detail}</td>"
    "<td>{request_id}</td></tr>"
)
NONE = Markup("<p>No token was refused in the last 30 days.</p>")


def refused_body(rows: Sequence[RefusedToken]) -> Markup:
    """The table, newest first; all text of tokens is escaped."""
    if not rows:
        return NONE
    told = [
        ROW.format(
            minute=row.minute[:16].replace("T", " "),
            client=row.client or "nobody registered",
            count=row.count,
            why=REASONS[row.reason],
            detail=row.detail,
            request_id=row.request_id,
        )
        for row in rows
    ]
    return TABLE.format(rows=Markup("\n").join(told))
