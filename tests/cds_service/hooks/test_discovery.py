import re

from flask.testing import FlaskClient

from cds_service.hooks.discovery import PREFETCH, describe_services, resolve_template


def test_each_hook_has_one_service_of_its_own(client: FlaskClient) -> None:
    services = client.get("/cds-services").get_json()["services"]
    assert [(service["hook"], service["id"]) for service in services] == [
        (hook, f"lamo-{hook}")
        for hook in (
            "order-select",
            "order-sign",
            "patient-view",
            "encounter-discharge",
            "medication-prescribe",
        )
    ]


def test_a_demonstration_says_so_in_every_description() -> None:
    for service in describe_services(version="2.0.0", is_demonstration=True)["services"]:
        assert "not for clinical use" in service["description"]
    assert "emonstration" not in str(describe_services(version="2.0.0", is_demonstration=False))


def test_each_service_says_of_which_versions_it_is(client: FlaskClient) -> None:
    services = client.get("/cds-services").get_json()["services"]
    assert {(one["version"], one["hookVersion"]) for one in services} == {("2.0.0", "1.0")}
    for service in describe_services(version="3.0.0", is_demonstration=False)["services"]:
        assert service["version"] == "3.0.0"


def test_templates_keep_to_what_old_clients_resolve() -> None:
    for wanted in PREFETCH:
        assert set(re.findall(r"\{\{(.*?)\}\}", wanted.template)) == {"context.patientId"}
        names = re.findall(r"[?&]([^=]+)=", wanted.template)
        assert len(names) == len(set(names)), "a parameter given twice is merged with a comma"


def test_members_keep_their_order(client: FlaskClient) -> None:
    text = client.get("/cds-services").text
    assert text.index('"patient"') < text.index('"conditions"') < text.index('"allergies"')
    assert list(client.get("/cds-services").get_json()["services"][0]) == [
        "hook",
        "title",
        "description",
        "id",
        "version",
        "hookVersion",
        "prefetch",
        "usageRequirements",
    ]


def test_context_values_are_quoted_in_queries() -> None:
    assert resolve_template("Patient/{{context.patientId}}", {"patientId": "a/b?c"}) == (
        "Patient/a%2Fb%3Fc"
    )
