import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cds_service.cli import main
from cds_service.trying.story import card_lines

EXAMPLES = Path(__file__).parents[2] / "examples"
CARD = {
    "summary": "Allergy\x1b[2J",
    "indicator": "critical",
    "detail": "line one\nline two",
    "source": {"label": "LAMO"},
    "suggestions": [{"label": "Stop it"}],
}


@pytest.mark.parametrize(
    "module", ["cds_service.cli", "cds_service.web.app", "cds_service.decision"]
)
def test_help_and_the_web_part_need_no_torch(module: str) -> None:
    program = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_wrong_settings_stop_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "many")
    result = CliRunner().invoke(main, ["serve"])
    assert result.exit_code == 1
    assert "PORT: found 'many'" in result.output


def test_an_artifact_that_is_not_there_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LAMO_ARTIFACT", str(tmp_path))
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    result = CliRunner().invoke(main, ["serve"])
    assert result.exit_code == 1
    assert "has no manifest.json" in result.output


def test_a_scoring_server_that_does_not_answer_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LAMO_SCORER_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    result = CliRunner().invoke(main, ["serve"])
    assert result.exit_code == 1
    assert result.output.startswith("Error: the scoring server")
    assert "start it, or mend the settings that name it" in result.output


def test_with_a_scoring_server_the_whole_service_needs_no_torch(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from cds_service.audit.migrate import upgrade; "
        "from cds_service.settings import Settings; from cds_service.tools import build_tools; "
        "settings = Settings(var_dir=Path(sys.argv[1]), scorer_url='http://127.0.0.1:9'); "
        "upgrade(settings.database_url); build_tools(settings); "
        "sys.exit('torch' in sys.modules)"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    assert subprocess.run(command, check=False).returncode == 0


def test_synthesize_writes_visits(tmp_path: Path) -> None:
    out = tmp_path / "visits.jsonl"
    result = CliRunner().invoke(main, ["synthesize", "--out", str(out), "--patients", "3"])
    assert result.output.startswith("ok: ")
    assert len(out.read_text().splitlines()) >= 3


def test_the_demo_says_how_to_start_a_service_that_is_not_there() -> None:
    call = ["demo", "--url", "http://127.0.0.1:9", str(EXAMPLES / "order-sign.json")]
    result = CliRunner().invoke(main, call)
    assert result.exit_code == 1
    assert "lamo-cds serve" in result.output


def test_cards_are_told_readably() -> None:
    told = click.unstyle("\n".join(card_lines([CARD])))
    assert "1. CRITICAL  Allergy[2J" in told
    assert "   line two\n   -> Stop it\n   source: LAMO" in told


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.json")), ids=lambda file: str(file.stem))
def test_examples_are_calls_of_the_hook_that_they_are_named_after(file: Path) -> None:
    assert json.loads(file.read_text())["hook"] == file.stem
