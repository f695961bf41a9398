"""The open addresses of the model card."""

from flask.testing import FlaskClient

from cds_service.cards.parts import links_json
from cds_service.web.model_card import performance_tables
from tests.cds_service.card_material import material
from tests.fakes import demo_card


def test_programs_get_31_attributes_and_which_model_it_is(client: FlaskClient) -> None:
    answer = client.get("/model-card")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    body = answer.get_json()
    assert [one["number"] for one in body["attributes"]] == list(range(1, 32))
    assert body["model"]["sha256"] == demo_card().model["sha256"]


def test_people_get_a_page_that_cards_link_to(client: FlaskClient) -> None:
    link = links_json(material(public_url="https://cds.example.org/lamo"))[-1]
    assert link["url"] == "https://cds.example.org/lamo/model-card.html"
    page = client.get("/model-card.html").get_data(as_text=True)
    for one in demo_card().attributes:
        assert one.attribute in page
    assert "not for clinical use" in page
    assert "0.6567" in page
    assert "<script" not in page
    assert "style=" not in page


def test_figures_stand_in_tables_by_what_they_belong_to() -> None:
    tables = performance_tables({"jaccard": 0.5, "baselines": {"none": 0.1}, "empty": {}})
    assert list(tables) == ["Of the model as it is served", "baselines, for comparison"]
    assert performance_tables({}) == {}
