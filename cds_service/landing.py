"""The page at /: what this is, that it is a demonstration, and where to go on."""

from markupsafe import Markup

from cds_service.discovery import SERVICES

PAGE = Markup("""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>LAMO CDS service</title></head>
<body>
<h1>LAMO CDS service</h1>
<p>A CDS Hooks service against over-prescribing. Its cards are AI-generated advice for a clinician,
who decides.</p>
{banner}
<ul>
<li><a href="{base}/cds-services">{base}/cds-services</a>: discovery</li>
{services}
<li><a href="{base}/readyz">{base}/readyz</a>: is it ready</li>
</ul>
</body>
</html>
""")
BANNER = Markup(
    "<p><strong>Demonstration model trained on synthetic patients. "
    "Not for clinical use.</strong></p>"
)
ENTRY = Markup("<li>POST {base}/cds-services/{id}: {title}</li>")


def render_landing(base_url: str, *, is_demonstration: bool) -> str:
    """The page as HTML without scripts or styles."""
    entries = [
        ENTRY.format(base=base_url, id=service.service_id, title=service.title)
        for service in SERVICES
    ]
    banner = BANNER if is_demonstration else ""
    return PAGE.format(base=base_url, banner=banner, services=Markup("\n").join(entries))
