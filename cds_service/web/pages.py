"""The frame of every page that people see: plain HTML, and the banners that no page may miss."""

from markupsafe import Markup

PAGE = Markup("""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title></head>
<body>
{banners}
<h1>{title}</h1>
{body}
</body>
</html>
""")
SANDBOX = Markup(
    "<p><strong>Sandbox mode: callers are not asked who they are. "
    "Send no data of real patients.</strong></p>"
)
DEMONSTRATION = Markup(
    "<p><strong>Demonstration model trained on synthetic patients. "
    "Not for clinical use.</strong></p>"
)


def render_page(title: str, body: Markup, *, is_sandbox: bool, is_demonstration: bool) -> Markup:
    """A page without scripts or styles, under the banners that apply."""
    banners = [SANDBOX] * is_sandbox + [DEMONSTRATION] * is_demonstration
    return PAGE.format(title=title, body=body, banners=Markup("\n").join(banners))
