"""The page at /: what this is, and where to go on."""

from markupsafe import Markup

from cds_service.hooks.discovery import SERVICES

BODY = Markup("""<p>A CDS Hooks service against over-prescribing. Its cards are AI-generated advice
for a clinician, who decides.</p>
<ul>
<li><a href="{base}/cds-services">{base}/cds-services</a>: discovery</li>
{services}
<li><a href="{base}/model-card.html">{base}/model-card.html</a>: what is stated and measured of the
model; as JSON at <a href="{base}/model-card">{base}/model-card</a></li>
<li><a href="{base}/openapi.json">{base}/openapi.json</a>: every address, described</li>
<li><a href="{base}/readyz">{base}/readyz</a>: is it ready</li>
<li><a href="{base}/operator/refused-tokens">{base}/operator/refused-tokens</a>: why tokens were
refused, for the operator</li>
<li><a href="{base}/review/">{base}/review/</a>: the audit log, for reviewers</li>
</ul>""")
ENTRY = Markup("<li>POST {base}/cds-services/{id}: {title}</li>")


def landing_body(base_url: str) -> Markup:
    """What the page says under its title."""
    entries = [
        ENTRY.format(base=base_url, id=service.service_id, title=service.title)
        for service in SERVICES
    ]
    return BODY.format(base=base_url, services=Markup("\n").join(entries))
