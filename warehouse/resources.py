"""Where the files that come with Rollhouse lie: SQL, Dagster settings, the sample.

Belongs here: telling a checkout from an installed wheel. Does not belong here: anything
of the user's (settings.py).
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_DATA = _PACKAGE / "_data"  # exists in a wheel only


def is_checkout() -> bool:
    return not _DATA.is_dir()


def checkout() -> Path | None:
    """The project's folder, if this is a checkout."""
    return _PACKAGE.parent if is_checkout() else None


def sql_folder() -> Path:
    return (_PACKAGE.parent if is_checkout() else _DATA) / "sql"


def dagster_yaml() -> Path:
    return (_PACKAGE.parent if is_checkout() else _DATA) / "dagster.yaml"


def sample_folder() -> Path:
    return _PACKAGE.parent / "data" / "sample" if is_checkout() else _DATA / "sample"
