"""The first page: whatever of the menu the viewer may see first."""

from flask import redirect, url_for
from flask.typing import ResponseReturnValue

from cds_service.reviewer.menu import menu_of
from cds_service.reviewer.pages import page, viewer
from cds_service.reviewer.roles import EVERYBODY


@page("/", EVERYBODY)
def home() -> ResponseReturnValue:
    """Go to it."""
    endpoint, _ = menu_of(viewer().roles)[0]
    return redirect(url_for(endpoint), 303)
