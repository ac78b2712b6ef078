"""Settings from file, variables and options; what is wrong with them is said at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from warehouse import resources
from warehouse.scanning import Root
from warehouse.settings import SettingsError, load_settings


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder and user, far from this checkout's own settings."""
    for name in list(os.environ):
        if name.startswith(("ROLLHOUSE_", "CODEX_")):
            monkeypatch.delenv(name)
    user = tmp_path / "user"
    (user / ".codex" / "sessions").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(user))
    monkeypatch.setattr(resources, "checkout", lambda: None)
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


def write(folder: Path, text: str) -> Path:
    path = folder / "rollhouse.toml"
    path.write_text(text)
    return path


def problem() -> str:
    with pytest.raises(SettingsError) as raised:
        load_settings().roots()
    assert raised.value.exit_code == 2
    return str(raised.value)


# --- where they come from -------------------------------------------------------------------------


def test_defaults(tmp_path: Path) -> None:
    settings = load_settings()
    assert settings.home == tmp_path / "user/.local/share/rollhouse"
    assert settings.jobs == os.cpu_count()
    assert settings.roots() == [Root("codex", tmp_path / "user/.codex", None)]


def test_options_win_over_variables_over_the_file(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(place, 'jobs = 1\nkeep_builds = 7\ntimezone = "Asia/Tokyo"')
    monkeypatch.setenv("ROLLHOUSE_JOBS", "2")
    monkeypatch.setenv("ROLLHOUSE_TIMEZONE", "Europe/Berlin")
    settings = load_settings(jobs=3)
    assert (settings.jobs, settings.timezone, settings.keep_builds) == (3, "Europe/Berlin", 7)


def test_an_empty_variable_is_none(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(place, 'home = "warehouse"')
    for name in ("ROLLHOUSE_HOME", "ROLLHOUSE_JOBS", "ROLLHOUSE_CONFIG", "CODEX_HOME"):
        monkeypatch.setenv(name, "")
    assert load_settings().home == place / "warehouse"
    assert load_settings().roots()[0].path.name == ".codex"


def test_the_file_of_the_home_goes_before_that_of_the_working_folder(
    tmp_path: Path, place: Path
) -> None:
    write(place, "jobs = 1")
    write(tmp_path, "jobs = 2")
    assert load_settings(home=tmp_path).jobs == 2
    assert load_settings(home=place).jobs == 1


def test_a_file_named_by_a_variable(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(place, "jobs = 1")
    named = tmp_path / "user" / "mine.toml"
    named.write_text('jobs = 5\nhome = "there"')
    monkeypatch.setenv("ROLLHOUSE_CONFIG", "~/mine.toml")
    settings = load_settings()
    assert (settings.jobs, settings.home) == (5, tmp_path / "user/there")
    named.unlink()
    assert problem() == "ROLLHOUSE_CONFIG names ~/mine.toml, which is not a file"


def test_codex_home_is_honoured(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "other").mkdir()
    monkeypatch.setenv("CODEX_HOME", "other")  # relative, as a shell would take it
    assert load_settings().roots() == [Root("codex", place / "other", None)]
    monkeypatch.setenv("CODEX_HOME", "~/nowhere")
    assert problem() == "CODEX_HOME names ~/nowhere, which is not a folder"


def test_databases_outside_the_codex_home_are_followed(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "databases").mkdir()
    monkeypatch.setenv("CODEX_SQLITE_HOME", "databases")
    home, databases = load_settings().roots()
    assert (home.kind, home.path.name) == ("codex", ".codex")
    assert databases == Root("codex-state", place / "databases", None)
    monkeypatch.setenv("CODEX_SQLITE_HOME", "/nowhere")
    assert problem() == "CODEX_SQLITE_HOME names /nowhere, which is not a folder"
    monkeypatch.setenv("CODEX_SQLITE_HOME", "databases")
    # sources that are named, and the sample, have their databases beside them
    write(place, '[[sources]]\nkind = "codex"\npath = "~/.codex"')
    assert [root.kind for root in load_settings().roots()] == ["codex"]
    write(place, "")
    (tmp_path / "user/.codex/sessions").rmdir()
    (tmp_path / "user/.codex").rmdir()
    assert [root.kind for root in load_settings().roots()] == ["codex", "ledger"]


def test_without_a_codex_home_the_sample_is_read(tmp_path: Path) -> None:
    (tmp_path / "user/.codex/sessions").rmdir()
    (tmp_path / "user/.codex").rmdir()
    sample = resources.sample_folder().resolve()
    assert load_settings().roots() == [
        Root("codex", sample, None),
        Root("ledger", sample / "metrics", None),
    ]


def test_sources_named_in_settings_replace_codex_home(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODEX_HOME", "/nowhere")
    write(place, '[[sources]]\nkind = "codex"\npath = "~/.codex"')
    assert [root.path.name for root in load_settings().roots()] == [".codex"]


# --- paths ----------------------------------------------------------------------------------------


def test_paths_of_the_file_start_at_its_folder(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "homes/anna").mkdir(parents=True)
    (place / "homes/bert").mkdir()
    (place / "rates.json").write_text("{}")
    write(
        place,
        """
        home = "warehouse"
        rates_file = "rates.json"
        [[sources]]
        kind = "codex"
        path = "homes/*"
        label = "team"
        [[sources]]
        kind = "codex"
        path = "~/.codex"
        """,
    )
    monkeypatch.setenv("ROLLHOUSE_CONFIG", str(place / "rollhouse.toml"))
    monkeypatch.chdir(tmp_path)
    settings = load_settings()
    assert settings.home == place / "warehouse"
    assert settings.rates_file == place / "rates.json"
    assert settings.roots() == [
        Root("codex", place / "homes/anna", "team"),
        Root("codex", place / "homes/bert", "team"),
        Root("codex", tmp_path / "user/.codex", None),
    ]


def test_paths_of_options_start_at_the_working_folder(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(place, "jobs = 1")
    settings = load_settings(home=Path("here"), sources=["codex:../user/.codex"])
    assert settings.home == place / "here"
    assert settings.roots() == [Root("codex", tmp_path / "user/.codex", None)]
    monkeypatch.setenv("ROLLHOUSE_HOME", "there")
    assert load_settings().home == place / "there"


def test_a_folder_has_one_name(tmp_path: Path, place: Path) -> None:
    real = tmp_path / "user/.codex"
    (place / "link").symlink_to(real)
    settings = load_settings(sources=[f"codex:{place}/link", f"codex:{real}/", f"codex:{real}/."])
    assert {root.path for root in settings.roots()} == {real}


def test_globs_reach_down_and_a_name_may_look_like_one(place: Path) -> None:
    for name in ("a/b/c", "a/[x]"):
        (place / name / "sessions").mkdir(parents=True)
    settings = load_settings(sources=["codex:**/sessions", "codex:a/[x]"])
    assert [str(root.path.relative_to(place)) for root in settings.roots()] == [
        "a/[x]/sessions",
        "a/b/c/sessions",
        "a/[x]",
    ]


def test_a_link_that_leads_nowhere_is_not_an_emptied_folder(place: Path) -> None:
    (place / "homes/ann").mkdir(parents=True)
    (place / "homes/bob").symlink_to(place / "not mounted")
    (place / "homes/loop").symlink_to("loop")
    with pytest.raises(SettingsError, match=r"source codex:homes/bob is a link that leads nowhere"):
        load_settings(sources=["codex:homes/bob"]).roots()
    with pytest.raises(SettingsError, match=r"homes/loop cannot be read: Too many levels of"):
        load_settings(sources=["codex:homes/loop"]).roots()
    with pytest.raises(SettingsError, match=r"source codex:homes/b\* matches nothing"):
        load_settings(sources=["codex:homes/b*"]).roots()
    with pytest.raises(SettingsError, match=r"source codex:a\x00b is not there"):
        load_settings(sources=["codex:a\x00b"]).roots()
    found = load_settings(sources=["codex:homes/*"]).roots()
    assert [root.path.name for root in found] == ["ann", "loop"]


# --- what is wrong --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("job = 2", ["job: no such setting; known are home, timezone, jobs", "rollhouse.toml"]),
        ("jobs = 'many'", ["jobs: Input should be a valid integer"]),
        ("jobs = 0", ["jobs: Input should be greater than or equal to 1"]),
        ("keep_builds = 1", ["keep_builds: Input should be greater than or equal to 2"]),
        ("memory_limit = '1 elephant'", ["memory_limit: '1 elephant' is no amount", "like 512MB"]),
        ("timezone = 'Mars/Base'", ["timezone: there is no timezone 'Mars/Base'", "Europe/Berlin"]),
        ("timezone = 'Europe'", ["timezone: there is no timezone 'Europe'"]),
        ("privacy = 'none'", ["privacy: Input should be 'standard' or 'strict'"]),
        ("rates_file = 'no.json'", ["rates_file: there is no file", "place/no.json"]),
        ("home = ''", ["home: it is empty; name a folder", "rollhouse.toml"]),
        ("home = '~nobody-here/x'", ["rollhouse.toml: '~nobody-here/x': there is no such user"]),
        ("sources = 'x'", ["sources: Input should be a valid list"]),
        ("[sources]\nkind = 'codex'\npath = 'x'", ["sources: ", "begins with [[sources]]"]),
        ("[[sources]]\nkind = 'codex'", ["sources.0.path: Field required"]),
        ("[[sources]]\nkind = 'codex'\npath = ''", ["sources.0.path: ", "at least 1 character"]),
        (
            "[[sources]]\nkind = 'kodex'\npath = 'x'",
            ["sources.0.kind: there is no source kind 'kodex'; kinds are ", "codex"],
        ),
        (
            "[[sources]]\nkind = 'codex'\npath = 'x'\nname = 'y'",
            ["sources.0.name: no such setting; known are kind, path, label"],
        ),
        (
            "jobs = 0\nprivacy = 'none'",  # all at once
            ["jobs: ", "privacy: "],
        ),
        ("[[sources]]\nkind = 'codex'\npath = 'nowhere'", ["place/nowhere is not there; expected"]),
        ("[[sources]]\nkind = 'codex'\npath = 'no*'", ["place/no* matches nothing; expected"]),
        ("jobs = = 1", ["rollhouse.toml is not TOML: ", "line 1"]),
    ],
)
def test_the_file(text: str, parts: list[str], place: Path) -> None:
    write(place, text)
    message = problem()
    for part in parts:
        assert part in message


def test_a_file_that_is_no_text(place: Path) -> None:
    (place / "rollhouse.toml").write_bytes(b"\xff\xfe")
    assert "is not TOML" in problem()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("ROLLHOUSE_JOB", "2", "the variable ROLLHOUSE_JOB is no setting; known are "),
        ("rollhouse_job", "2", "the variable rollhouse_job is no setting; known are "),
        ("ROLLHOUSE_JOBS", "two", "jobs: Input should be a valid integer"),
        ("ROLLHOUSE_SOURCES", "codex:~/.codex", "ROLLHOUSE_SOURCES is not JSON; write it like [{"),
        ("ROLLHOUSE_SOURCES", '[{"kind": "x", "path": "y"}]', "there is no source kind 'x'"),
    ],
)
def test_variables(name: str, value: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    assert expected in problem()


def test_sources_from_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLHOUSE_SOURCES", '[{"kind":"codex","path":"~/.codex","label":"me"}]')
    assert load_settings().roots() == [Root("codex", tmp_path / "user/.codex", "me")]


@pytest.mark.parametrize("option", ["codex", "codex:", "~/.codex"])
def test_a_source_option_names_kind_and_path(option: str) -> None:
    with pytest.raises(SettingsError, match=r"expected KIND:PATH, such as codex:~/\.codex"):
        load_settings(sources=[option])
