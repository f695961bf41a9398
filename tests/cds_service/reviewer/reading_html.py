"""What a browser would make of a page: elements, and whether any of them could do something."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

ADDRESSES = ("href", "src", "action", "formaction", "hx-get", "hx-post", "xlink:href")
ICON = "/favicon.ico"
OWN_SCRIPT = "/review/static/"


@dataclass
class Page(HTMLParser):
    """The elements of a page, with their attributes."""

    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    @property
    def dangers(self) -> list[str]:
        """What runs, leads away or is refused by the policy of the pages."""
        found = [tag for tag, _ in self.elements if tag in ("iframe", "object", "style", "img")]
        for tag, attributes in self.elements:
            if tag == "script" and not attributes.get("src", "").startswith(OWN_SCRIPT):
                found.append("script")
            found += [name for name in attributes if name.startswith("on") or name == "style"]
            addresses = [attributes[name] for name in ADDRESSES if name in attributes]
            found += [one for one in addresses if not one.startswith(("/review/", "#main", ICON))]
        return found


def page_of(text: str) -> Page:
    """Read a page."""
    page = Page()
    page.feed(text)
    return page
