"""What may be kept of a text: hashes, redacted addresses, and the secret that keys them.

Belongs here: every decision on how a path, branch, address or text is reduced before it
is stored. Does not belong here: which fields hold such texts (the source parsers know).
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from warehouse.errors import RollhouseError

SECRET_BYTES = 32

# Passwords may hold an @, and hosts a token as their query.
_CREDENTIALS = re.compile(
    r"^([a-z][a-z0-9+.-]*://)(?:[^/]*@)?([^?#]*).*", re.IGNORECASE | re.DOTALL
)
_SCP_LIKE = re.compile(r"^(?:[^/]+@)?([^/:@]+):(?!//)(.+)$")
_HIDDEN_PATH = re.compile(r"(?:/[0-9a-f]{16})+\Z")
_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)


class SecretError(RollhouseError):
    """The home's secret is damaged."""


@dataclass(frozen=True)
class Privacy:
    """How much is kept. `mode` is standard or strict; `key` is the home's secret."""

    mode: str
    key: bytes

    def __hash__(self) -> int:
        """Of the key alone, which keeps its hash: caches ask for it once a line."""
        return hash(self.key)

    @property
    def is_strict(self) -> bool:
        return self.mode == "strict"

    @cached_property
    def seed(self) -> int:
        """64 secret bits for the fast hashes of lines."""
        return int.from_bytes(hashlib.blake2b(self.key, digest_size=8).digest(), "little")

    @cached_property
    def fingerprint(self) -> str:
        """Tells rows apart that were made under another mode or with another secret."""
        return f"{self.mode}:{self.digest('fingerprint')[:8]}"

    def digest(self, text: str) -> str:
        """Keyed hash of a text: 16 hex digits, the same within one home only."""
        return hashlib.blake2b(
            text.encode("utf-8", "surrogatepass"), key=self.key, digest_size=8
        ).hexdigest()

    def place(self, text: str | None) -> str | None:
        """A path, branch or host: as it is, or its keyed hash under strict privacy."""
        if text is None or not self.is_strict:
            return text
        return self.digest(text)

    def hidden_path(self, path: str) -> str:
        """A path as the registry of sources keeps it under strict privacy: each part hashed.

        Whether something lies below a folder can still be told. What is hidden stays as it is.
        """
        if self.is_hidden(path):
            return path
        folder, _, name = path.rpartition("/")
        return f"{_hidden_folder(self, folder)}/{self.digest(name)}"

    @staticmethod
    def is_hidden(path: str) -> bool:
        return _HIDDEN_PATH.match(path) is not None

    def shows_too_much(self, fingerprint: str) -> bool:
        """Whether rows with this fingerprint hold in clear what is to be hidden now."""
        return self.is_strict and not fingerprint.startswith("strict:")

    def hidden_fingerprint(self, fingerprint: str) -> str:
        """The fingerprint of such rows once what they show is hidden."""
        return f"strict:{fingerprint.partition(':')[2]}"

    def repository(self, url: str | None) -> tuple[str | None, str | None]:
        """(address without credentials, or None under strict privacy; keyed id of the repo)."""
        return _repository(self, url) if url else (None, None)


@lru_cache(maxsize=4096)  # files come folder by folder
def _hidden_folder(privacy: Privacy, folder: str) -> str:
    return "".join(f"/{privacy.digest(part)}" for part in folder.split("/") if part)


def without_credentials(url: str) -> str:
    """A repository's address without user and password."""
    clean = _CREDENTIALS.sub(r"\1\2", url)
    scp = _SCP_LIKE.match(clean)
    return ":".join(scp.groups()) if scp else clean


@lru_cache(maxsize=256)  # the same few repositories come again and again
def _repository(privacy: Privacy, url: str) -> tuple[str | None, str | None]:
    clean = without_credentials(url)
    scp = _SCP_LIKE.match(clean)
    canonical = "/".join(scp.groups()) if scp else _SCHEME.sub("", clean)
    canonical = canonical.rstrip("/").removesuffix(".git").lower()
    return (None if privacy.is_strict else clean), privacy.digest(canonical)


def load_secret(home: Path) -> bytes:
    """The home's secret, made at first use; readable by its owner only.

    Raises SecretError where there is something else in its place.
    """
    path = home / "secret"
    try:
        return _read_secret(path)
    except FileNotFoundError:
        pass
    home.mkdir(parents=True, exist_ok=True)
    secret = secrets.token_bytes(SECRET_BYTES)
    aside = path.with_name(f"secret.{os.getpid()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secret.hex() + "\n")
        file.flush()
        os.fsync(descriptor)
    try:
        os.link(aside, path)  # never replaces a secret that another build made meanwhile
    except FileExistsError:
        return _read_secret(path)
    finally:
        aside.unlink()
    return secret


def _read_secret(path: Path) -> bytes:
    try:
        secret = bytes.fromhex(path.read_text().strip())
    except ValueError:
        secret = b""
    if len(secret) != SECRET_BYTES:
        raise SecretError(
            f"{path} does not hold the secret that keys all hashes ({2 * SECRET_BYTES} hexadecimal "
            "digits); restore it, or delete it to have everything that is still there read anew"
        )
    return secret
