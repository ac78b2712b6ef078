"""The user's settings: rollhouse.toml, ROLLHOUSE_* variables, command-line options.

Belongs here: reading and checking settings, and their defaults. Does not belong here:
acting on them. Options win over variables, variables over the file, the file over defaults.
"""

from __future__ import annotations

import glob
import os
import re
import tomllib
import zoneinfo
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as NotJson

from warehouse import resources
from warehouse.errors import UsageError
from warehouse.scanning import Root
from warehouse.sources import NAMED_KINDS

FILE_NAME = "rollhouse.toml"
_NOT_SETTINGS = {"ROLLHOUSE_CONFIG", "ROLLHOUSE_CONTENT_KEY"}


class SettingsError(UsageError):
    """A setting is wrong; the message says which, where, and what was expected."""


def _known_kind(kind: str) -> str:
    if kind not in NAMED_KINDS:
        kinds = ", ".join(sorted(NAMED_KINDS))
        raise ValueError(f"there is no source kind {kind!r}; kinds are {kinds}")
    return kind


def _known_zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):  # OSError: "Europe" is a folder
        raise ValueError(f"there is no timezone {name!r}; write it like Europe/Berlin") from None
    return name


_UNITS = {"MB": 10**6, "MiB": 2**20, "GB": 10**9, "GiB": 2**30}


def memory_bytes(text: str) -> int:
    """Bytes of an amount of memory. Raises ValueError for what is none."""
    amount = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(MB|MiB|GB|GiB)", text)
    if amount is None:
        raise ValueError(f"{text!r} is no amount of memory; write it like 512MB or 2GB")
    return int(float(amount[1]) * _UNITS[amount[2]])


def _memory(text: str) -> str:
    memory_bytes(text)
    return text


def _whole_path(text: str) -> str:
    path = os.path.normpath(os.path.expanduser(text))
    if not os.path.isabs(path):
        raise ValueError(f"{text!r} is no whole path; write it like /home/me/project")
    return path


def _expanded(path: str | Path) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ValueError(f"{str(path)!r}: there is no such user, or none has a home") from None


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(_expanded(path)))


class ContentSetting(BaseModel):
    """Projects whose texts are kept, encrypted; none by default. See docs/privacy.md."""

    model_config = ConfigDict(extra="forbid")

    projects: list[Annotated[str, AfterValidator(_whole_path)]] = []
    key_file: Annotated[Path, AfterValidator(_absolute)] | None = None


class SourceSetting(BaseModel):
    """One place to read from: a path or glob, `~` allowed."""

    model_config = ConfigDict(extra="forbid")

    kind: Annotated[str, AfterValidator(_known_kind)]
    path: Annotated[str, Field(min_length=1)]
    label: str | None = None


def local_timezone() -> str:
    """The machine's timezone by name, or UTC where it has none."""
    candidates = [os.environ.get("TZ", "").removeprefix(":")]
    localtime = os.path.realpath("/etc/localtime")
    if "/zoneinfo/" in localtime:
        candidates.append(localtime.split("/zoneinfo/", 1)[1])
    for name in candidates:
        if name:
            try:
                return _known_zone(name)
            except ValueError:
                continue
    return "UTC"


def default_home() -> Path:
    """`data` in a checkout; the user's data folder for an installed Rollhouse."""
    checkout = resources.checkout()
    if checkout is not None:
        return checkout / "data"
    return Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser() / "rollhouse"


class Settings(BaseSettings):
    """All settings; see docs/settings.md."""

    model_config = SettingsConfigDict(
        env_prefix="ROLLHOUSE_", env_ignore_empty=True, extra="forbid"
    )

    home: Path = Field(default_factory=default_home)
    timezone: Annotated[str, AfterValidator(_known_zone)] = Field(default_factory=local_timezone)
    jobs: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1, le=256)
    memory_limit: Annotated[str, AfterValidator(_memory)] = "224MB"
    privacy: Literal["standard", "strict"] = "standard"
    # the one before the live one stays: a reader may be just about to open it
    keep_builds: int = Field(default=3, ge=2)
    rates_file: Path | None = None
    accepted_threads: list[str] = []
    sources: list[SourceSetting] = []
    content: ContentSetting = ContentSetting()

    @field_validator("home", mode="before")
    @classmethod
    def _is_named(cls, path: object) -> object:
        if path == "":  # it would be the working folder
            raise ValueError("it is empty; name a folder")
        return path

    @field_validator("home", "rates_file", mode="after")
    @classmethod
    def _is_absolute(cls, path: Path | None) -> Path | None:
        return None if path is None else _absolute(path)

    @field_validator("home", mode="after")
    @classmethod
    def _is_text(cls, path: Path) -> Path:
        try:
            str(path).encode()
        except UnicodeEncodeError:
            shown = os.fsencode(path).decode("utf-8", "replace")
            raise ValueError(f"the name {shown} is not UTF-8; name another folder") from None
        return path

    @field_validator("rates_file", mode="after")
    @classmethod
    def _exists(cls, path: Path | None, _: ValidationInfo) -> Path | None:
        if path is not None and not path.is_file():
            raise ValueError(f"there is no file {path}")
        return path

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = init_settings.init_kwargs.pop("_file", {})  # type: ignore[attr-defined]
        return init_settings, env_settings, _FileSource(settings_cls, file)

    def roots(self) -> list[Root]:
        """Where to look: globs, `~` and links resolved, so that no folder has two names.

        Raises SettingsError for a path that is not there.
        """
        if not self.sources:
            return _default_roots()
        roots = []
        for source in self.sources:
            roots += [Root(source.kind, _real(path), source.label) for path in _found(source)]
        return roots

    @property
    def reads_sample(self) -> bool:
        """Whether the sample is read for want of anything else."""
        return not self.sources and default_codex_home() == resources.sample_folder()


def _found(source: SourceSetting) -> list[str]:
    """What a source's path names: itself (its name may look like a pattern), or what matches.

    A link that leads nowhere names nothing: a disk may be there again tomorrow.
    """
    path = os.path.expanduser(source.path)
    named = f"source {source.kind}:{source.path}"
    try:
        os.stat(path)
    except (FileNotFoundError, ValueError):  # ValueError: a NUL
        if os.path.lexists(path):
            raise SettingsError(f"{named} is a link that leads nowhere") from None
    except OSError as problem:
        raise SettingsError(f"{named} cannot be read: {problem.strerror}") from None
    else:
        return [path]
    if found := [match for match in sorted(glob.glob(path, recursive=True)) if _is_there(match)]:
        return found
    what = "matches nothing" if glob.has_magic(path) else "is not there"
    raise SettingsError(f"{named} {what}; expected an existing file or folder")


def _is_there(path: str) -> bool:
    try:
        os.stat(path)
    except FileNotFoundError:
        return False
    except OSError:
        pass  # something is: the scan tells what is wrong with it
    return True


def _real(path: str | Path) -> Path:
    return Path(os.path.realpath(path))


class _FileSource(PydanticBaseSettingsSource):
    """The values of rollhouse.toml, already read."""

    def __init__(self, settings_cls: type[BaseSettings], values: dict[str, Any]) -> None:
        super().__init__(settings_cls)
        self._values = values

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return self._values.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return self._values


def default_codex_home() -> Path:
    """CODEX_HOME, else ~/.codex, else (where there is none) the sample that comes along.

    Raises SettingsError if CODEX_HOME names a folder that is not there.
    """
    home = _named_folder("CODEX_HOME") or Path("~/.codex").expanduser()
    return home if home.is_dir() else resources.sample_folder()


def _default_roots() -> list[Root]:
    """The Codex home and what lies elsewhere: the databases, or the sample's ledger of goals."""
    home = default_codex_home()
    roots = [Root("codex", _real(home), None)]
    if home == resources.sample_folder():
        roots.append(Root("ledger", _real(home / "metrics"), None))
    elif databases := _named_folder("CODEX_SQLITE_HOME"):
        roots.append(Root("codex-state", _real(databases), None))
    return roots


def _named_folder(variable: str) -> Path | None:
    named = os.environ.get(variable)
    if not named:
        return None
    path = Path(os.path.expanduser(named))
    if not path.is_dir():
        raise SettingsError(f"{variable} names {named}, which is not a folder")
    return path


def load_settings(
    home: Path | None = None,
    sources: list[str] | None = None,
    jobs: int | None = None,
) -> Settings:
    """Settings from options, variables and file. Raises SettingsError with all problems."""
    _refuse_unknown_variables(os.environ)
    file = _settings_file(home)
    values = _read_file(file) if file else {}
    options: dict[str, Any] = {}
    if home is not None:
        options["home"] = home
    if jobs is not None:
        options["jobs"] = jobs
    if sources:
        options["sources"] = [_source_option(text) for text in sources]
    try:
        return Settings(_file=values, **options)  # type: ignore[call-arg]
    except ValidationError as error:
        raise SettingsError(_explain(error, file)) from None
    except NotJson as error:
        named = re.search(r'field "(\w+)"', str(error))
        variable = f"ROLLHOUSE_{named[1].upper()}" if named else "a variable"
        raise SettingsError(
            f"{variable} is not JSON; write it like "
            '[{"kind": "codex", "path": "~/.codex"}] or {"projects": []}'
        ) from None


def _settings_file(home: Path | None) -> Path | None:
    if named := os.environ.get("ROLLHOUSE_CONFIG"):
        path = Path(named).expanduser()
        if not path.is_file():
            raise SettingsError(f"ROLLHOUSE_CONFIG names {named}, which is not a file")
        return path
    folders = [home, Path.cwd(), resources.checkout(), Path("~/.config/rollhouse").expanduser()]
    for folder in folders:
        if folder is not None and (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    return None


def _read_file(path: Path) -> dict[str, Any]:
    """The file's values, with relative paths taken from its folder."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not TOML: {error}") from None

    def beside(value: Any) -> Any:
        """A path as seen from the file's folder; anything else is left for the check."""
        if not isinstance(value, str) or not value:
            return value
        try:
            return str(path.parent / _expanded(value))
        except ValueError as error:
            raise SettingsError(f"{path}: {error}") from None

    for name in values.keys() & {"home", "rates_file"}:
        values[name] = beside(values[name])
    sources = values.get("sources")
    for source in sources if isinstance(sources, list) else []:
        if isinstance(source, dict) and "path" in source:
            source["path"] = beside(source["path"])
    content = values.get("content")
    if isinstance(content, dict):
        if "key_file" in content:
            content["key_file"] = beside(content["key_file"])
        if isinstance(content.get("projects"), list):
            content["projects"] = [beside(project) for project in content["projects"]]
    return values


def _source_option(text: str) -> dict[str, str]:
    kind, colon, path = text.partition(":")
    if not colon or not path:
        raise SettingsError(f"--source {text}: expected KIND:PATH, such as codex:~/.codex")
    return {"kind": kind, "path": path}


def _refuse_unknown_variables(environment: Mapping[str, str]) -> None:
    known = {f"ROLLHOUSE_{name.upper()}" for name in Settings.model_fields} | _NOT_SETTINGS
    for name in environment:
        if name.upper().startswith("ROLLHOUSE_") and name.upper() not in known:
            raise SettingsError(
                f"the variable {name} is no setting; known are {', '.join(sorted(known))}"
            )


_TABLES: dict[str, type[BaseModel]] = {"sources": SourceSetting, "content": ContentSetting}


def _explain(error: ValidationError, file: Path | None) -> str:
    lines = []
    for problem in error.errors():
        where = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            table = problem["loc"][0] if len(problem["loc"]) > 1 else None
            shape = _TABLES.get(str(table), Settings)
            what = f"no such setting; known are {', '.join(shape.model_fields)}"
        else:
            what = problem["msg"].removeprefix("Value error, ")
            if problem["loc"] == ("sources",) and problem["type"] == "list_type":
                what += "; each source begins with [[sources]]"
        lines.append(f"{where}: {what}")
    origin = f" (from options, variables or {file})" if file else " (from options or variables)"
    return "; ".join(lines) + origin
