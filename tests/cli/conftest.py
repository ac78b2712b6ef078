"""A published warehouse of the sample, and `rollhouse` as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from warehouse import resources
from warehouse.build import Build, run
from warehouse.settings import Settings, SourceSetting

ROOT = Path(__file__).parents[2]

Rollhouse = Callable[..., subprocess.CompletedProcess[str]]


def settings_for(home: Path, source: Path, timezone: str = "UTC") -> Settings:
    return Settings(
        home=home,
        timezone=timezone,
        jobs=1,
        sources=[SourceSetting(kind="codex", path=str(source))],
    )


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a home with the sample, built and published. Not to be changed."""
    home = tmp_path_factory.mktemp("published")
    settings = settings_for(home, resources.sample_folder())
    ledger = SourceSetting(kind="ledger", path=str(resources.sample_folder() / "metrics"))
    settings = settings.model_copy(update={"sources": [*settings.sources, ledger]})
    before = os.umask(0o022)
    with Build(settings) as build:
        run(build)
    os.umask(before)
    return settings


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of a user without settings and without a Codex home."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ROLLHOUSE_", "DAGSTER_", "CODEX_"))
    }
    user = tmp_path / "user"
    user.mkdir()
    return kept | {"PYTHONPATH": str(ROOT), "HOME": str(user), "TZ": "UTC"}


@pytest.fixture
def rollhouse(environment: dict[str, str], tmp_path: Path) -> Rollhouse:
    """Runs the command line in a folder without settings; gives what came of it."""

    def rollhouse(*arguments: object, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "warehouse", *map(str, arguments)],
            cwd=tmp_path,
            env=environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return rollhouse


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    """Builds narrow the umask of their process; tests after them shall not notice."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)
