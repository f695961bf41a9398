"""Forms of pages: whether one was sent by a page of our own."""

from urllib.parse import urlsplit

from flask import request
from werkzeug.exceptions import Forbidden


def refuse_foreign() -> None:
    """Return when what is sent was not sent by a page of another site.

    Raises:
        Forbidden: it was, as the browser says by Sec-Fetch-Site or Origin.
    """
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    origin = request.headers.get("Origin")
    if site != "same-origin" or (origin and urlsplit(origin).netloc != request.host):
        raise Forbidden("a form of another site was sent; open the page here and send it again")
