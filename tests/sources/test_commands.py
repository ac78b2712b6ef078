"""The first word of a command, however it is wrapped."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.sources import commands
from warehouse.sources.commands import command_word


@pytest.mark.parametrize(
    ("command", "word"),
    [
        ("ls -la", "ls"),
        ("/bin/bash -lc 'ls -la; git log'", "ls"),
        (["bash", "-lc", "cd a && pytest -q | tail"], "pytest"),
        ("/bin/bash -lc \"python - <<'EOF'\nprint(1)\nEOF\"", "python"),
        ("cd /x && FOO=1 sudo -u me npm test", "npm"),
        ("cd /x", "cd"),
        ("timeout -k 5 30s make", "make"),
        ("nice -n 10 cargo build", "cargo"),
        ("sudo -n ls", "ls"),
        ("sudo --user bob ls", "ls"),
        ("sudo --user=bob ls", "ls"),
        ("sudo -nu bob ls", "ls"),
        ("sudo -ubob -- ls", "ls"),
        ("timeout --signal KILL 5 ls", "ls"),
        ("sudo", "sudo"),
        ("/usr/bin/env python3 x.py", "python3"),
        ("env A=b ./run.sh --now", "run.sh"),
        ("2>/dev/null ls", "ls"),
        ("# a comment\nls", "ls"),
        ("[ -f x ] && y", "["),
        ("(cd x; make)", "make"),
        ("for i in 1; do echo; done", "for"),
        ("bash script.sh", "bash"),
        ("pwsh -Command Get-Item", "Get-Item"),
        ("/bin/bash -lc 'cut off", "cut"),
        ("'my secret program' x", "unusual"),
        ("$(secret) x", "unusual"),
        ("päth/sécret x", "unusual"),
        ("x" * 100, "unusual"),
        ("", None),
        ([], None),
        ("   ", None),
    ],
)
def test_first_word(command: str | list[str], word: str | None) -> None:
    assert command_word(command) == word


@given(st.text(max_size=80) | st.lists(st.text(max_size=20), max_size=5))
def test_any_command_gives_a_plain_word(command: str | list[str]) -> None:
    word = command_word(command)
    assert word is None or (0 < len(word) <= 40 and not set(word) & set(" '\"$`\n"))


_PIECES = ["cd", "x", "/tmp", "&&", " ", "A=1", "sudo", "bash -lc", "'", '"', "\\", ";", "|", ">"]


@given(st.lists(st.sampled_from(_PIECES) | st.text(max_size=4), max_size=8).map("".join))
def test_shortcut_for_usual_commands_tells_the_same(command: str) -> None:
    assert command_word(command) == commands._of_script(command, 0)
