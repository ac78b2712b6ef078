"""Fixtures that every test may use: the recordings of the real CLI and the accounting cases.

They are kept packed in tests/data (see its README) and unpacked once per worker into a temporary
folder. Tests share that folder: one that changes a file works on a copy of its own.
"""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from hypothesis import settings

# `pytest --hypothesis-profile=thorough` looks much longer; for changes of the engine
settings.register_profile("thorough", max_examples=3000)

DATA = Path(__file__).parent / "data"


def _unpack(archive: Path, target: Path) -> Path:
    """Unpack one of our archives into `target` and return it; all files are writable."""
    with tarfile.open(archive) as packed:
        packed.extraction_filter = tarfile.data_filter
        packed.extractall(target)
    return target


@pytest.fixture(autouse=True)
def _unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting for the disk: tests kill processes, never the machine."""
    monkeypatch.setattr("os.fsync", lambda _: None)
    monkeypatch.setattr("warehouse.lake.sync_filesystem", lambda _: None)


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder a scenario, with `codex_home` and `truth.json`. Not to be changed."""
    return _unpack(DATA / "recordings.tar.xz", tmp_path_factory.mktemp("recordings"))


@pytest.fixture(scope="session")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder an accounting trap, with rollout files and `expected.json`. Not to be changed."""
    return _unpack(DATA / "cases.tar.xz", tmp_path_factory.mktemp("cases"))


@pytest.fixture(scope="session")
def streams(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder a scenario, with `app_server`, `analytics` or `status`. Not to be changed."""
    return _unpack(DATA / "streams.tar.xz", tmp_path_factory.mktemp("streams"))
