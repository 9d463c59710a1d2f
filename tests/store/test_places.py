import hashlib
import threading
import time
import uuid

import pytest

from store.artifacts import Artifacts
from store.errors import NotFound, StoreError
from store.ids import digest, new_id
from store.paths import DataFolder
from store.sql import migrations, query


def test_ids_are_uuid7_in_the_order_of_their_making():
    made = [new_id() for _ in range(200)]
    assert len(set(made)) == 200
    for text in made:
        parsed = uuid.UUID(text)
        assert str(parsed) == text
        assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert abs((uuid.UUID(made[0]).int >> 80) / 1000 - time.time()) < 60
    early = new_id()
    time.sleep(0.002)
    assert early < new_id()


def test_digest_is_sha256_and_keeps_parts_apart():
    assert digest(b"abc") == hashlib.sha256(b"abc").hexdigest()
    assert digest(b"ab", b"c") != digest(b"a", b"bc") != digest(b"abc")
    assert len(digest()) == 64


def test_the_data_folder_is_private_and_its_secrets_stay(tmp_path):
    folder = DataFolder(tmp_path / "data").create()
    assert folder.root.stat().st_mode & 0o777 == 0o700
    assert DataFolder(str(folder.root)) == folder.create()
    token, salt = folder.admin_token(), folder.salt()
    assert (len(token), len(salt)) == (64, 32)
    assert (folder.admin_token(), folder.salt()) == (token, salt)
    assert folder.token.stat().st_mode & 0o777 == 0o600
    assert folder.salt_file.stat().st_mode & 0o777 == 0o600
    assert {p.name for p in folder.root.iterdir()} == {
        "journal",
        "artifacts",
        "jobs",
        "run",
        "admin.token",
        "salt",
    }


def test_a_data_folder_knows_its_own_files(tmp_path):
    folder = DataFolder(tmp_path / "data").create()
    (tmp_path / "link").symlink_to(folder.log)
    named = (
        "log.duckdb",
        "log.duckdb.wal",
        "control.sqlite-wal",
        "salt",
        "STOP",
        "run/x.jsonl",
        "log/2026-10.x.duckdb",
    )
    assert all(folder.owns(folder.root / name) for name in (*named, ".", "calls/../log.duckdb"))
    assert folder.owns(tmp_path / "link")
    others = (folder.root / "calls.jsonl", folder.root / "exports" / "salt", tmp_path / "salt", tmp_path)
    assert not any(folder.owns(path) for path in others)


def test_processes_that_race_for_a_secret_agree(tmp_path):
    folder = DataFolder(tmp_path)
    seen = []
    threads = [threading.Thread(target=lambda: seen.append(folder.salt())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(seen)) == 1
    assert len(seen) == 8


def fill(folder, **files):
    (folder / "adapter").mkdir(parents=True)
    for name, text in files.items():
        (folder / "adapter" / name).write_text(text)
    return folder


def test_artifacts_are_published_whole_and_once(tmp_path):
    artifacts = Artifacts(tmp_path / "artifacts")
    place = artifacts.publish("students", "s1", fill(tmp_path / "a", w="1"))
    assert place == artifacts.folder("students", "s1")
    assert (place / "adapter" / "w").read_text() == "1"
    assert (place / "adapter" / "w").stat().st_mode & 0o777 == 0o400
    assert place.stat().st_mode & 0o777 == 0o500
    again = artifacts.publish("students", "s1", fill(tmp_path / "b", w="2"))
    assert (again / "adapter" / "w").read_text() == "1"
    assert not (tmp_path / "a").exists()
    assert not (tmp_path / "b").exists()
    assert [p.name for p in place.parent.iterdir()] == ["s1"]
    with pytest.raises(NotFound, match="no folder"):
        artifacts.publish("students", "s2", tmp_path / "none")


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "a\0"])
def test_artifacts_stay_in_their_folder(tmp_path, name):
    with pytest.raises(StoreError, match="cannot name an artifact"):
        Artifacts(tmp_path).folder("students", name)


def test_hashes_of_files_and_folders(tmp_path):
    artifacts = Artifacts(tmp_path)
    one, two = fill(tmp_path / "a", x="1", y="2"), fill(tmp_path / "b", y="2", x="1")
    assert artifacts.sha256(one / "adapter" / "x") == hashlib.sha256(b"1").hexdigest()
    assert artifacts.sha256(one) == artifacts.sha256(two)
    (two / "adapter" / "x").write_text("3")
    assert artifacts.sha256(one) != artifacts.sha256(two)
    with pytest.raises(NotFound):
        artifacts.sha256(tmp_path / "none")


def test_named_sql():
    assert query("cutover.spend").startswith("SELECT")
    with pytest.raises(StoreError, match=r"no query 'cutover\.nothing'"):
        query("cutover.nothing")
    for database in ("log", "control"):
        assert [m.version for m in migrations(database)] == [1]
        assert all(m.forward and m.back for m in migrations(database))
