"""Keys are made once, read by their owner only, rotated without loss; what they seal stays shut."""

import json
import os
import re
import stat
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from cds_service.keys.file_keys import FileKeys
from cds_service.keys.files import create_key_file, read_key_file, rotate
from cds_service.keys.ring import KeyRing, new_ring
from cds_service.keys.sealing import Sealed, open_sealed, seal
from cds_service.keys.service import KeysRefused, NotOpened, WrappedKey

# sealed by the first release under the key of the bytes 0 to 31; opens in every later one
FIRST_SEALED = (
    "AQNrLTEAPJ1h9HrlQhRs8VsIzie8+7SXo1tEgxSOss+FhH+UwQwxN1DIIVfIODJJkudrJeyiDSVITqn6QTJPJme9"
    "jbcw3fz0q10j1BaYqXRzCJIdPAfFJo1/5uCAKGRJknsrEtQgLTGgB1VrVKSsR86C"
)
FIRST_PSEUDONYM = "d8706ca4a5c0c35a49e33a758c1d70252083432cf016336ffb176271eba31573"

Plain = dict[str, Any]


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    create_key_file(path)
    return path


@pytest.fixture
def keys() -> FileKeys:
    return FileKeys(new_ring())


def plain_ring() -> Plain:
    plain: Plain = json.loads(new_ring().to_text())
    return plain


def current_key(plain: Plain) -> str:
    key: str = plain["tenant_keys"][plain["current"]]
    return key


def test_a_key_file_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "keys.json"
    before = os.umask(0)
    try:
        made = create_key_file(path)
    finally:
        os.umask(before)

    assert made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["keys.json"]


def test_a_key_file_is_never_overwritten(key_file: Path) -> None:
    before = key_file.read_bytes()

    assert not create_key_file(key_file)
    assert key_file.read_bytes() == before


def test_a_file_that_is_no_key_file_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text("something of somebody else")

    assert not create_key_file(path)
    assert path.read_text() == "something of somebody else"


def test_processes_that_start_together_share_one_key_file(tmp_path: Path) -> None:
    path, go = tmp_path / "keys.json", tmp_path / "go"
    code = (
        "import sys, pathlib\n"
        "from cds_service.keys.files import create_key_file, read_key_file\n"
        "path, go = map(pathlib.Path, sys.argv[1:])\n"
        "print('here', flush=True)\n"
        "while not go.exists(): pass\n"
        "made = create_key_file(path)\n"
        "print(made, read_key_file(path).current)\n"
    )
    command = [sys.executable, "-c", code, str(path), str(go)]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert [run.stdout.readline() for run in runs if run.stdout] == ["here\n"] * 4
    go.touch()
    answers = [run.communicate()[0].split() for run in runs]

    assert sorted(made for made, _ in answers) == ["False"] * 3 + ["True"]
    assert {current for _, current in answers} == {read_key_file(path).current}
    assert {file.name for file in tmp_path.iterdir()} == {"keys.json", "go"}


def test_threads_that_start_together_share_one_key_file(tmp_path: Path) -> None:
    for number in range(20):
        path = tmp_path / f"keys-{number}.json"
        with ThreadPoolExecutor(8) as threads:
            made = list(threads.map(lambda _, path=path: create_key_file(path), range(8)))
        assert made.count(True) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_key_file_that_others_may_use_is_refused(key_file: Path, mode: int) -> None:
    key_file.chmod(mode)

    with pytest.raises(KeysRefused, match=rf"found mode {mode:04o}, wanted 0600.*chmod 600"):
        FileKeys.from_file(key_file)


def test_a_missing_key_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeysRefused, match=r"cannot be read \(No such file"):
        FileKeys.from_file(tmp_path / "keys.json")
    with pytest.raises(KeysRefused, match=r"cannot be read \(No such file"):
        rotate(tmp_path / "keys.json")


def test_a_folder_or_pipe_in_its_place_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)

    for name in (".", "pipe"):
        with pytest.raises(KeysRefused, match=r"not a file|Is a directory"):
            FileKeys.from_file(tmp_path / name)


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(KeysRefused, match="cannot be made"):
        create_key_file(tmp_path / "file" / "keys.json")


def cut_key(plain: Plain) -> None:
    plain["tenant_keys"][plain["current"]] = b64encode(bytes(31)).decode()


def drop_current(plain: Plain) -> None:
    plain["current"] = "k-gone"


def break_base64(plain: Plain) -> None:
    plain["pseudonym_key"] = "!" + plain["pseudonym_key"]


def repeat_key(plain: Plain) -> None:
    plain["pseudonym_key"] = current_key(plain)


def number_for_key(plain: Plain) -> None:
    plain["pseudonym_key"] = 5


def list_of_keys(plain: Plain) -> None:
    plain["tenant_keys"] = list(plain["tenant_keys"].values())


def key_for_id(plain: Plain) -> None:
    plain["tenant_keys"] = {key: key for key in plain["tenant_keys"].values()}


def drop_pseudonym_key(plain: Plain) -> None:
    del plain["pseudonym_key"]


def newer(plain: Plain) -> None:
    plain["version"] = 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (cut_key, "has 31 bytes, wanted 32"),
        (drop_current, "the current key is not among its 1 tenant keys"),
        (break_base64, "the pseudonym key is not base64"),
        (repeat_key, "two of its keys are the same"),
        (number_for_key, "the pseudonym key has 0 bytes"),
        (list_of_keys, 'wanted "tenant_keys" as an object'),
        (key_for_id, "the id of a tenant key has 44 characters or odd ones"),
        (drop_pseudonym_key, "exactly current, pseudonym_key, tenant_keys, version"),
        (newer, "not a key file of version 1"),
    ],
)
def test_keys_that_cannot_be_used_are_refused_and_not_quoted(
    change: Callable[[Plain], None], message: str
) -> None:
    plain = plain_ring()
    key = current_key(plain)
    change(plain)

    with pytest.raises(KeysRefused, match=message) as refusal:
        FileKeys.from_text(json.dumps(plain), "LAMO_TEST_KEYS")
    assert str(refusal.value).startswith("LAMO_TEST_KEYS: ")
    assert key not in str(refusal.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000])
def test_a_file_of_something_else_is_refused(key_file: Path, content: bytes) -> None:
    key_file.write_bytes(content)

    with pytest.raises(KeysRefused, match=r"found no JSON|wanted a JSON object"):
        FileKeys.from_file(key_file)


def test_the_environment_holds_the_same_keys_as_a_file(key_file: Path) -> None:
    from_file = FileKeys.from_file(key_file)
    from_text = FileKeys.from_text(key_file.read_text(), "LAMO_TEST_KEYS")

    sealed = seal(from_file, b"text", "row 1")
    assert open_sealed(from_text, sealed, "row 1") == b"text"
    assert from_text.pseudonym("patient", "1") == from_file.pseudonym("patient", "1")


def test_keys_are_not_shown() -> None:
    ring = new_ring()

    assert repr(ring) == f"KeyRing(current='{ring.current}')"
    assert ring.current in ring.tenant_keys


def test_a_rotation_seals_anew_and_still_opens_what_is_old(key_file: Path) -> None:
    old = FileKeys.from_file(key_file)
    sealed = seal(old, b"old", "row 1")

    key_id = rotate(key_file)

    new = FileKeys.from_file(key_file)
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert open_sealed(new, sealed, "row 1") == b"old"
    assert new.pseudonym("patient", "1") == old.pseudonym("patient", "1")
    assert seal(new, b"new", "row 2").key.key_id == key_id != sealed.key.key_id


def test_what_is_sealed_under_a_newer_key_does_not_open_before_it_is_read(key_file: Path) -> None:
    old = FileKeys.from_file(key_file)
    rotate(key_file)
    sealed = seal(FileKeys.from_file(key_file), b"new", "row 1")

    with pytest.raises(NotOpened, match="not among those at hand") as refusal:
        open_sealed(old, sealed, "row 1")
    assert refusal.value.reason == "key_unknown"


def test_rotations_at_once_lose_no_key(key_file: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        key_ids = set(threads.map(lambda _: rotate(key_file), range(12)))

    ring = read_key_file(key_file)
    assert len(ring.tenant_keys) == 13
    assert key_ids < ring.tenant_keys.keys()


def test_a_link_to_a_key_file_is_rotated_in_its_place(key_file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(key_file)

    key_id = rotate(link)

    assert link.is_symlink()
    assert read_key_file(key_file).current == key_id


def test_a_rotation_keeps_the_owner(key_file: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may give a file away")
    os.chown(key_file, 65534, 65534)

    rotate(key_file)

    assert (key_file.stat().st_uid, key_file.stat().st_gid) == (65534, 65534)


@pytest.mark.parametrize("plaintext", [b"", b"x", bytes(100_000)], ids=["empty", "byte", "long"])
def test_what_is_sealed_opens_again(keys: FileKeys, plaintext: bytes) -> None:
    stored = seal(keys, plaintext, "row 1").to_bytes()

    assert open_sealed(keys, Sealed.from_bytes(stored), "row 1") == plaintext


def test_the_same_text_is_sealed_differently_each_time(keys: FileKeys) -> None:
    assert len({seal(keys, b"same", "row 1").to_bytes() for _ in range(100)}) == 100


def test_a_record_of_another_row_does_not_open(keys: FileKeys) -> None:
    sealed = seal(keys, b"text", "row 1")

    with pytest.raises(NotOpened, match="belongs to another row") as refusal:
        open_sealed(keys, sealed, "row 2")
    assert refusal.value.reason == "not_authentic"


def test_a_data_key_of_another_row_does_not_unwrap(keys: FileKeys) -> None:
    first, second = seal(keys, b"one", "row 1"), seal(keys, b"two", "row 2")

    with pytest.raises(NotOpened):
        open_sealed(keys, Sealed(key=second.key, encrypted=first.encrypted), "row 1")
    with pytest.raises(NotOpened):
        open_sealed(keys, Sealed(key=second.key, encrypted=first.encrypted), "row 2")


def test_a_record_of_another_tenant_does_not_open() -> None:
    ring, other = new_ring(), new_ring()
    sealed = seal(FileKeys(ring), b"text", "row 1")
    stolen = WrappedKey(key_id=other.current, wrapped=sealed.key.wrapped)

    with pytest.raises(NotOpened, match="not among those at hand"):
        open_sealed(FileKeys(other), sealed, "row 1")
    with pytest.raises(NotOpened, match="another key"):
        open_sealed(FileKeys(other), Sealed(key=stolen, encrypted=sealed.encrypted), "row 1")


def test_no_bit_can_be_changed_and_no_byte_be_cut(keys: FileKeys) -> None:
    stored = seal(keys, b"a text", "row 1").to_bytes()
    changed = [
        stored[:place] + bytes([stored[place] ^ 1 << bit]) + stored[place + 1 :]
        for place in range(len(stored))
        for bit in range(8)
    ]
    cut = [stored[:end] for end in range(len(stored))]

    for wrong in [*changed, *cut, stored + b"\0"]:
        with pytest.raises(NotOpened):
            open_sealed(keys, Sealed.from_bytes(wrong), "row 1")


def test_a_data_key_has_256_bits(keys: FileKeys) -> None:
    with pytest.raises(ValueError, match="found 16 bytes, wanted 32"):
        keys.wrap(bytes(16), "row 1")


def test_a_pseudonym_depends_on_kind_text_and_key(keys: FileKeys) -> None:
    asked = [("patient", "1"), ("note", "1"), ("patient", "2"), ("patient1", ""), ("", "patient1")]
    pseudonyms = {keys.pseudonym(*parts) for parts in asked}
    pseudonyms.add(FileKeys(new_ring()).pseudonym("patient", "1"))

    assert len(pseudonyms) == 6
    assert all(re.fullmatch("[0-9a-f]{64}", pseudonym) for pseudonym in pseudonyms)
    assert keys.pseudonym("patient", "1") in pseudonyms


def test_half_a_surrogate_pair_has_a_pseudonym_and_a_context(keys: FileKeys) -> None:
    sealed = seal(keys, b"text", "\ud800")

    assert open_sealed(keys, sealed, "\ud800") == b"text"
    assert keys.pseudonym("patient", "\ud800") != keys.pseudonym("patient", "\ud801")


def test_what_the_first_release_sealed_and_named_stays_readable() -> None:
    keys = FileKeys(
        KeyRing(
            current="k-2",
            tenant_keys={"k-1": bytes(range(32)), "k-2": bytes(range(32, 64))},
            pseudonym_key=bytes(range(64, 96)),
        )
    )

    sealed = Sealed.from_bytes(b64decode(FIRST_SEALED))

    assert open_sealed(keys, sealed, "row 1") == b"a text of release 1"
    assert keys.pseudonym("patient", "patient-1") == FIRST_PSEUDONYM
