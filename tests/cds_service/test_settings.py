from pathlib import Path

import pytest

from cds_service.environment import SettingsError, env_name, read_settings
from cds_service.settings import Settings


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(env_name(name), raising=False)


def test_without_environment_the_defaults_hold() -> None:
    settings = read_settings({})
    assert (settings.host, settings.port, settings.deadline_ms) == ("127.0.0.1", 8080, 500)
    assert settings.database_url == f"sqlite:///{Path('var').absolute()}/audit.db"


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "HOST": "::1",
        "PORT": "9000",
        "VAR_DIR": "/srv/lamo",
        "LAMO_CORS_ORIGINS": "https://a.example, https://b.example",
    }.items():
        monkeypatch.setenv(name, value)
    settings = read_settings({})
    assert settings.base_url == "http://[::1]:9000"
    assert settings.database_url == "sqlite:////srv/lamo/audit.db"
    assert settings.cors_origins == ("https://a.example", "https://b.example")


def test_every_bad_setting_is_listed_with_what_is_accepted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PORT", "many")
    monkeypatch.setenv("LAMO_DEADLINE_MS", "-1")
    monkeypatch.setenv("LAMO_DATABASE_URL", "mysql://user:password@host/db")
    with pytest.raises(SettingsError) as error:
        read_settings({"LAMO_DEADLIN_MS": "500", "LAMO_TEST_DATA": "x"})
    text = str(error.value)
    assert "PORT: found 'many', wanted a port, 0 to 65535" in text
    assert "LAMO_DEADLINE_MS: found '-1', wanted milliseconds" in text
    assert "LAMO_DATABASE_URL: found a value of another form, wanted sqlite:///FILE" in text
    assert "LAMO_DEADLIN_MS: found a setting of no known name" in text
    assert "password" not in text
    assert "LAMO_TEST_DATA:" not in text


def test_a_note_model_without_its_address_is_refused_and_not_ignored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LAMO_NOTES_MODEL", "tiny")
    monkeypatch.setenv("LAMO_NOTES_CA_FILE", "/etc/ca.pem")
    with pytest.raises(SettingsError) as error:
        read_settings({})
    assert "LAMO_NOTES_MODEL: found without LAMO_NOTES_URL, wanted both" in str(error.value)
    assert "LAMO_NOTES_CA_FILE: found without LAMO_NOTES_URL" in str(error.value)
    monkeypatch.setenv("LAMO_NOTES_URL", "http://127.0.0.1:1/v1")
    assert read_settings({}).notes_model == "tiny"


def test_every_setting_says_what_it_accepts() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
