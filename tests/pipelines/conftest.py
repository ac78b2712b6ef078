"""A home of its own for each test, sources, and a handful of models that need no others."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from warehouse import resources
from warehouse.settings import Settings, load_settings

SAMPLE = resources.sample_folder()

SESSIONS = """/*
description: Threads
grain: one row per thread
key: [session_id]
columns: [session_id]
scope: session
*/
SELECT DISTINCT thread_id AS session_id FROM thread_lines WHERE thread_id IS NOT NULL
"""

THREAD_LINES = """/*
description: Lines that begin threads
grain: one row per line
key: [source_id, line_number]
columns: [source_id, line_number, thread_id]
scope: session
internal: true
*/
SELECT source_id, line_number, thread_id FROM parsed_session_meta
"""

TOKENS = """/*
description: Tokens of all threads
grain: one row
key: [sessions]
columns: [sessions, total_tokens, total_tokens_covered_sessions]
coverage:
  - {value: total_tokens, covered: total_tokens_covered_sessions, total: sessions}
scope: global
*/
SELECT
    count(*) AS sessions,
    CAST(NULL AS BIGINT) AS total_tokens,
    CAST(0 AS BIGINT) AS total_tokens_covered_sessions
FROM sessions
"""


@pytest.fixture
def small_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three models instead of the real ones, for tests of the machinery; their folder."""
    folder = tmp_path / "sql"
    for name, text in {
        "session/thread_lines": THREAD_LINES,
        "session/sessions": SESSIONS,
        "derived/derived_tokens": TOKENS,
    }.items():
        file = folder / f"{name}.sql"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    monkeypatch.setattr(resources, "sql_folder", lambda: folder)
    return folder


@pytest.fixture
def codex_home(tmp_path: Path) -> Path:
    """A copy of the sample's sessions, to be changed at will."""
    return Path(shutil.copytree(SAMPLE, tmp_path / "codex"))


@pytest.fixture
def settings(tmp_path: Path, codex_home: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a fresh home; processes and resources that load settings anew find them too."""
    monkeypatch.setenv("ROLLHOUSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ROLLHOUSE_TIMEZONE", "Europe/Berlin")
    monkeypatch.setenv("ROLLHOUSE_JOBS", "1")
    monkeypatch.setenv(
        "ROLLHOUSE_SOURCES", json.dumps([{"kind": "codex", "path": str(codex_home)}])
    )
    return load_settings()
