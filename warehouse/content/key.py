"""The key that texts are encrypted with: found, checked, never written anywhere.

Belongs here: reading the key from its variable or file. Does not belong here: using it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from warehouse.errors import UsageError

VARIABLE = "ROLLHOUSE_CONTENT_KEY"
KEY_BYTES = 32

_MAKE = "make one with: openssl rand -base64 32"


class ContentKeyError(UsageError):
    """Capture is on and there is no (fitting) key; the message says what to do."""


def load_key(key_file: Path | None, environment: Mapping[str, str] = os.environ) -> bytes:
    """The key of 256 bits from the variable, else from the file. Raises ContentKeyError."""
    if text := environment.get(VARIABLE):
        return _decoded(text, f"the variable {VARIABLE}")
    if key_file is None:
        raise ContentKeyError(
            "content capture is on, but there is no key: name a file that holds one as key_file "
            f"in [content], or set the variable {VARIABLE} ({_MAKE}); or take the projects out of "
            "[content]"
        )
    try:
        mode = key_file.stat().st_mode
        text = key_file.read_text("ascii")
    except UnicodeDecodeError:
        raise ContentKeyError(f"the key file {key_file} holds no key; {_MAKE}") from None
    except OSError as error:
        raise ContentKeyError(
            f"the key file {key_file} cannot be read ({error.strerror}); without its key content "
            f"cannot be captured. If there never was one, {_MAKE}"
        ) from None
    if mode & 0o077:
        raise ContentKeyError(
            f"the key file {key_file} can be read by others than its owner; "
            f"run: chmod 600 {key_file}"
        )
    return _decoded(text, f"the key file {key_file}")


def key_check(key: bytes) -> str:
    """Tells whether two keys are the same, and nothing else of them."""
    return hashlib.blake2b(key, digest_size=8, person=b"rh-content-key").hexdigest()


def _decoded(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise ContentKeyError(f"{where} holds no key of {KEY_BYTES} bytes in base64; {_MAKE}")
    return key
