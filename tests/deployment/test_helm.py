"""The chart as data; and rendered, where helm-python-sdk is installed."""

import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from cds_service.environment import env_name
from cds_service.settings import Settings

CHART = Path(__file__).parents[2] / "docker/helm/lamo-cds"
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
TEMPLATES = {path.name: path.read_text() for path in (CHART / "templates").iterdir()}
KNOWN = {env_name(name) for name in Settings.model_fields}
EXTERNAL = {"scorer": {"enabled": False, "url": "http://vllm:8000"}, "ingress": {"enabled": False}}


def test_values_that_templates_read_are_there_and_none_is_idle() -> None:
    read = set(re.findall(r"\.Values\.([A-Za-z.]+)", "".join(TEMPLATES.values())))
    for name in read:
        place: Any = VALUES
        for part in name.split("."):
            assert part in place, name
            place = place[part]
    assert {name.split(".")[0] for name in read} == set(VALUES)


def test_settings_are_known_and_secrets_come_from_secrets() -> None:
    text = "".join(TEMPLATES.values())
    assert set(re.findall(r"LAMO_[A-Z_]+", text)) <= KNOWN
    literal = set(re.findall(r"name: (LAMO_[A-Z_]+), value", text))
    assert literal == {"LAMO_ARTIFACT", "LAMO_MODE", "LAMO_PUBLIC_URL", "LAMO_SCORER_URL"} | {
        "LAMO_WORKERS"
    }


def test_pods_have_no_rights() -> None:
    container, pod = VALUES["containerSecurityContext"], VALUES["podSecurityContext"]
    assert pod["runAsNonRoot"] is True
    assert container["readOnlyRootFilesystem"] is True
    assert container["capabilities"] == {"drop": ["ALL"]}
    for name in ("web.yaml", "scorer.yaml"):
        pods, images = TEMPLATES[name].count("podSecurityContext"), TEMPLATES[name].count("image:")
        assert (pods, TEMPLATES[name].count("containerSecurityContext")) == (1, images)


def rendered(values: dict[str, Any]) -> list[dict[str, Any]]:
    if find_spec("helm_python") is None:
        pytest.skip("helm-python-sdk is not installed")
    with import_module("helm_python").Chart.load(CHART) as chart:
        texts = chart.render(values=values, name="demo").values()
    return [one for text in texts for one in yaml.safe_load_all(text) if one]


@pytest.mark.parametrize("values", [{}, {"artifact": {"claim": "model"}}, EXTERNAL])
def test_it_renders_to_pods_that_are_probed_and_bounded(values: dict[str, Any]) -> None:
    found = rendered(values)
    pods = [one["spec"]["template"]["spec"] for one in found if one["kind"] == "Deployment"]
    assert len(pods) == (1 if values is EXTERNAL else 2)
    for pod in pods:
        (container,) = pod["containers"]
        assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
        assert "memory" in container["resources"]["limits"]
        assert ("artifact" in {volume["name"] for volume in pod["volumes"]}) == (
            "artifact" in values
        )
