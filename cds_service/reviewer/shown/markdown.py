"""The detail of a card as its reader saw it, with nothing to click on."""

from markdown_it import MarkdownIt
from markupsafe import Markup

# html: shown as written. Links and pictures too: what a card leads to is told, never offered.
_READER = MarkdownIt("commonmark", {"html": False}).disable(
    ["link", "image", "autolink", "reference", "html_block", "html_inline"]
)


def rendered(detail: str) -> Markup:
    """The HTML of a detail; whatever of it is no Markdown of ours is text."""
    return Markup(_READER.render(detail))  # noqa: S704 - escaped by the renderer, without html
