"""Recipes: those that ship are whole, and a bad one says everything that is wrong with it."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from cds_service.cli import main
from lamo.training.stages.config import ConfigRefused, read_config, recipe_path


@pytest.mark.parametrize("name", ["demo", "demo-compact", "demo-held-out", "tiny", "lamo"])
def test_shipped_recipes_can_be_read(name: str) -> None:
    assert read_config(recipe_path(name)).seed == 2023


def test_the_recipe_of_lamo_holds_its_published_values() -> None:
    adapters = read_config(recipe_path("lamo")).adapters
    assert (adapters.r, adapters.lora_alpha, adapters.lora_dropout) == (8, 16, 0.05)
    assert adapters.target_modules == ("q_proj", "v_proj")
    assert (adapters.fit.rates.learning_rate, adapters.fit.rates.warmup_steps) == (5e-4, 10)
    stop = adapters.fit.stop
    assert (stop.every, stop.patience, stop.least_steps) == (32, 20, 640)


def test_a_recipe_that_extends_another_says_only_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('extends = "tiny"\nseed = 7\n[base.fit]\nvisits = 48\n')
    mine, tiny = read_config(path), read_config(recipe_path("tiny"))
    assert (mine.seed, mine.adapters) == (7, tiny.adapters)
    assert mine.base.fit is not None
    assert tiny.base.fit is not None
    assert (mine.base.fit.visits, mine.base.fit.rates) == (48, tiny.base.fit.rates)


def test_a_recipe_that_extends_nothing_known_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('extends = "huge"\n')
    with pytest.raises(ConfigRefused, match="'huge': name one of demo, demo-compact"):
        read_config(path)


def test_every_bad_entry_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    text = recipe_path("tiny").read_text()
    text = text.replace("count = 3", "count = 0").replace("bpe_tokens", "bpe_token")
    path.write_text(text.replace('by = "class"', 'by = "colour"'))
    with pytest.raises(ConfigRefused) as refused:
        read_config(path)
    for part in ("groups.by", "'colour'", "groups.count", "examples.bpe_token: "):
        assert part in str(refused.value)


def test_a_file_that_is_not_toml_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("seed 2023")
    with pytest.raises(ConfigRefused, match="is not TOML"):
        read_config(path)


def test_a_base_that_is_neither_named_nor_trained_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    text = recipe_path("tiny").read_text()
    start, end = text.index("[base.fit]"), text.index("[adapters]")
    path.write_text(text[:start] + text[end:])
    with pytest.raises(ConfigRefused, match="neither model nor fit is given"):
        read_config(path)


def test_a_recipe_that_does_not_exist_is_a_usage_error() -> None:
    result = CliRunner().invoke(main, ["train", "all", "--config", "none.toml"])
    assert result.exit_code == 2
    assert "no such file" in result.output
