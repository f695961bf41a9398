"""The folder of artefacts and the choice among them: what is refused, and what is kept."""

from pathlib import Path

import pytest

from cds_service.artifacts.changing import activate, change, shadow
from cds_service.artifacts.choice import FILE, Choice, Chosen, ModelRefused, read_choice
from cds_service.artifacts.models import chosen_models
from cds_service.artifacts.shelf import Shelf, name_of
from cds_service.audit.database import AuditFailure
from cds_service.audit.log import AuditLog
from cds_service.keys.service import KeyService
from cds_service.settings import Settings
from lamo.artifact import MANIFEST, ArtifactRefused
from tests.cds_service.artifacts.second import second_artifact

pytest_plugins = ["tests.cds_service.audit_fixtures"]


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "models")


@pytest.fixture
def second(shelf: Shelf, tmp_path: Path) -> str:
    """The name of an artefact that was copied in."""
    second_artifact(tmp_path / "made")
    return shelf.add(tmp_path / "made")


def test_an_artefact_is_copied_in_under_its_name_version_and_hash(
    shelf: Shelf, second: str
) -> None:
    loaded = shelf.load(shelf.chosen(second))
    assert second == f"second-1-{loaded.sha256[:12]}" == loaded.folder.name
    assert [name for name, _ in shelf.manifests()] == [name_of(shelf.bundled()), second]
    assert [path.name for path in shelf.folder.iterdir()] == [second]


def test_what_cannot_be_served_is_not_copied_in(shelf: Shelf, tmp_path: Path) -> None:
    second_artifact(tmp_path / "made")
    (tmp_path / "made" / "base" / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(ArtifactRefused, match="does not have the hash"):
        shelf.add(tmp_path / "made")
    assert not shelf.folder.exists()


def test_the_same_is_not_copied_in_twice_and_the_bundled_one_never(
    shelf: Shelf, second: str, tmp_path: Path
) -> None:
    for folder in (tmp_path / "made", shelf.bundled().folder):
        with pytest.raises(ModelRefused, match="is here already"):
            shelf.add(folder)


@pytest.mark.parametrize("name", ["absent", "../made", ".", ""])
def test_only_a_folder_of_the_shelf_can_be_chosen(shelf: Shelf, second: str, name: str) -> None:
    with pytest.raises(ModelRefused, match="no artefact of this name"):
        shelf.chosen(name)


def test_thresholds_that_were_changed_since_the_choice_are_refused(
    shelf: Shelf, second: str
) -> None:
    chosen = shelf.chosen(second)
    manifest = shelf.folder / second / MANIFEST
    manifest.write_text(manifest.read_text().replace("-100.0", "-10.0"))
    with pytest.raises(ArtifactRefused, match="is not what it was when it was chosen"):
        shelf.load(chosen)


def test_a_rollback_goes_back_one_by_one_to_the_bundled_one() -> None:
    one, two = (Chosen(name=name, manifest_sha256="0") for name in ("one", "two"))
    choice = Choice().with_active(one).with_active(two)
    assert choice.rolled_back().active == one
    assert choice.rolled_back().rolled_back().active is None
    with pytest.raises(ModelRefused, match="no model was active before"):
        Choice().rolled_back()


def test_a_change_is_an_event_that_names_both(
    audit_log: AuditLog, shelf: Shelf, second: str
) -> None:
    change(shelf.folder, audit_log, "activate-model", activate(shelf.chosen(second)))
    assert read_choice(shelf.folder).before == (None,)
    newest = audit_log.find_event(audit_log.list_events(limit=1)[0].event_id).body
    assert (newest["action"], newest["subject"]) == ("activate-model", second)
    assert newest["details"]["from"]["active"] is None
    assert newest["details"]["to"]["active"]["name"] == second
    with pytest.raises(ModelRefused, match="the active one already"):
        change(shelf.folder, audit_log, "activate-model", activate(shelf.chosen(second)))


def test_nothing_is_changed_when_the_log_does_not_take_it(
    shelf: Shelf, second: str, tmp_path: Path, audit_log: AuditLog, audit_keys: KeyService
) -> None:
    change(shelf.folder, audit_log, "shadow-model", shadow(shelf.chosen(second)))
    lost = AuditLog(f"sqlite:///{tmp_path}/gone.db", audit_keys)
    with pytest.raises(AuditFailure):
        change(shelf.folder, lost, "activate-model", activate(shelf.chosen(second)))
    assert read_choice(shelf.folder).active is None
    assert read_choice(shelf.folder).shadow is not None


def test_a_choice_that_cannot_be_read_is_refused_and_not_taken_for_none(shelf: Shelf) -> None:
    shelf.folder.mkdir()
    (shelf.folder / FILE).write_text('{"active": 1}')
    with pytest.raises(ModelRefused, match="cannot be used"):
        read_choice(shelf.folder)


def test_the_environment_goes_before_what_is_active(
    shelf: Shelf, second: str, tmp_path: Path
) -> None:
    third = second_artifact(tmp_path / "third", name="third")
    chosen = Choice(active=shelf.chosen(second), shadow=shelf.chosen(second))
    (shelf.folder / FILE).write_text(chosen.model_dump_json())
    settings = Settings(var_dir=tmp_path, models_dir=shelf.folder)
    assert chosen_models(settings).served.name == "second"
    over = Settings(var_dir=tmp_path, models_dir=shelf.folder, artifact=third.folder)
    models = chosen_models(over)
    assert (models.served.name, models.shadow and models.shadow.name) == ("third", "second")
