"""The home's secret, and what hashes keep of a text."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from tests.helpers import KEY
from warehouse.privacy import Privacy, SecretError, load_secret

STANDARD, STRICT = Privacy("standard", KEY), Privacy("strict", KEY)


class TestSecret:
    def test_is_made_once_and_private(self, tmp_path: Path) -> None:
        home = tmp_path / "new" / "home"
        secret = load_secret(home)
        assert len(secret) == 32
        assert load_secret(home) == secret
        assert stat.S_IMODE((home / "secret").stat().st_mode) == 0o600
        assert os.listdir(home) == ["secret"]
        assert load_secret(tmp_path / "other") != secret

    def test_of_two_that_make_one_at_once_both_get_the_same(self, tmp_path: Path) -> None:
        home = tmp_path / "home"
        barrier = threading.Barrier(2)
        link, found = os.link, []

        def slow(*args: str) -> None:
            barrier.wait(timeout=5)
            link(*args)

        def load() -> None:
            found.append(load_secret(home))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "link", slow)
            # as two processes would: the name aside tells them apart
            patch.setattr(os, "getpid", lambda: threading.get_ident())
            threads = [threading.Thread(target=load) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert len(found) == 2
        assert found[0] == found[1] == load_secret(home)

    @pytest.mark.parametrize(
        "content", [b"", b"\n", b"abcd", b"xyz" * 30, b"ab" * 33, b"\xff" * 64]
    )
    def test_anything_else_in_its_place_is_named(self, content: bytes, tmp_path: Path) -> None:
        (tmp_path / "secret").write_bytes(content)
        with pytest.raises(SecretError, match=r"secret does not hold the secret.*restore it"):
            load_secret(tmp_path)
        assert (tmp_path / "secret").read_bytes() == content


class TestHashes:
    def test_are_equal_within_one_home_only(self) -> None:
        other = Privacy("standard", b"\1" * 32)
        assert STANDARD.digest("main") == STRICT.digest("main")
        assert STANDARD.digest("main") != other.digest("main")
        assert STANDARD.digest("main") != STANDARD.digest("Main")
        assert len(STANDARD.digest("\ud800 any text é")) == 16
        assert STANDARD.seed != other.seed

    def test_mode_and_secret_tell_rows_apart(self) -> None:
        fingerprints = {
            Privacy(mode, key).fingerprint
            for mode in ("standard", "strict")
            for key in (KEY, b"\1" * 32)
        }
        assert len(fingerprints) == 4
        assert Privacy("strict", KEY).fingerprint == STRICT.fingerprint
        assert KEY.hex() not in "".join(fingerprints)

    def test_places_are_kept_or_hashed(self) -> None:
        assert STANDARD.place("/home/me/project") == "/home/me/project"
        hidden = STRICT.place("/home/me/project")
        assert hidden is not None
        assert "me" not in hidden
        assert (STANDARD.place(None), STRICT.place(None)) == (None, None)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://github.com/acme/tool.git", "https://github.com/acme/tool.git"),
        ("https://me:secret@github.com/acme/tool", "https://github.com/acme/tool"),
        ("https://token@github.com/Acme/Tool/", "https://github.com/Acme/Tool/"),
        ("https://me:se@cr@et@github.com/acme/tool", "https://github.com/acme/tool"),
        (
            "https://github.com/acme/tool.git?private_token=secret",
            "https://github.com/acme/tool.git",
        ),
        ("https://me:secret?@github.com/acme/tool.git#secret", "https://github.com/acme/tool.git"),
        ("HTTPS://x:y@github.com/acme/tool", "HTTPS://github.com/acme/tool"),
        ("git@github.com:acme/tool.git", "github.com:acme/tool.git"),
        ("me@example.org@github.com:acme/tool.git", "github.com:acme/tool.git"),
        ("ssh://git@github.com/acme/tool.git", "ssh://github.com/acme/tool.git"),
    ],
)
def test_repositories_lose_credentials_and_are_one(url: str, kept: str) -> None:
    address, repo_id = STANDARD.repository(url)
    assert address == kept
    assert repo_id == STANDARD.repository("https://github.com/acme/tool")[1]
    assert STRICT.repository(url) == (None, repo_id)


def test_no_repository() -> None:
    assert STANDARD.repository(None) == STANDARD.repository("") == (None, None)
