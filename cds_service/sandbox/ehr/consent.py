"""Where a person is asked whether an app may have what it asks for, and for which patient."""

from urllib.parse import urlsplit

from flask import g, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from cds_service.sandbox.ehr.chart import age_of
from cds_service.sandbox.ehr.door import HEADERS, desk, ehr, patient_or_404
from cds_service.sandbox.smart.authorize import CONSENT, allow, deny
from cds_service.sandbox.smart.scopes import in_words
from cds_service.sandbox.smart.sessions import Launch

OVER = "this request of an app was answered or is too old: begin again in the app"


@ehr.get(f"{CONSENT}<name>")
def ask(name: str) -> ResponseReturnValue:
    """Show what an app asks for."""
    asked = desk().smart.asked.find(name)
    if asked is None:
        raise NotFound(OVER)
    g.headers = _letting_go_to(asked.redirect_uri)
    return render_template(
        "ehr/consent.html",
        asked=asked,
        opened=desk().patient(asked.launch.patient) if asked.launch else None,
        patients=[(one, age_of(one, desk().today)) for one in desk().patients],
        in_words=in_words,
    )


@ehr.post(f"{CONSENT}<name>")
def answer(name: str) -> ResponseReturnValue:
    """Send the browser back to the app, with a code or with what the person said."""
    asked = desk().smart.asked.take(name)
    if asked is None:
        raise NotFound(OVER)
    if request.form.get("answer") != "allow":
        return redirect(deny(desk().smart, asked), 303)
    return redirect(allow(desk().smart, asked, asked.launch or _launch()), 303)


def _launch() -> Launch:
    """Of an app by itself, which knows of no encounter."""
    patient = patient_or_404(request.form.get("patient", ""))
    return Launch(patient=patient.patient_id, user=desk().sitting.user.user_id)


def _letting_go_to(redirect_uri: str) -> dict[str, str]:
    """Headers of a page whose form leads to an app, which may have opened a window for it."""
    parts = urlsplit(redirect_uri)
    own, also = "form-action 'self'", f"form-action 'self' {parts.scheme}://{parts.netloc}"
    policy = HEADERS["Content-Security-Policy"].replace(own, also)
    return {"Content-Security-Policy": policy, "Cross-Origin-Opener-Policy": "unsafe-none"}
