"""The first word of a shell command: what was run, without what it was run on.

Belongs here: finding that word through `bash -lc`, assignments, `sudo` and `cd x &&`.
Does not belong here: anything that keeps arguments; they are content.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

UNUSUAL = "unusual"

SHELLS = {"bash", "sh", "zsh", "dash", "ksh", "fish", "pwsh", "powershell", "cmd"}
_SCRIPT_OPTION = re.compile(r"-[a-z]*c\Z|-Command\Z|/c\Z", re.IGNORECASE)
# What only starts another program, with those of its options that take a value (short, long).
_PREFIXES = {
    "sudo": (
        "ugpCTRDhUrt",
        "user group prompt close-from command-timeout chroot chdir host other-user role type",
    ),
    "doas": ("uC", ""),
    "env": ("uC", "unset chdir"),
    "timeout": ("sk", "signal kill-after"),
    "time": ("fo", "format output"),
    "nice": ("n", "adjustment"),
    "exec": ("a", ""),
    "stdbuf": ("ioe", "input output error"),
    "command": ("", ""),
    "nohup": ("", ""),
}
_SETTINGS = {"cd", "pushd", "export", "set", "source", ".", "unset", "umask", "ulimit"}
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")
_NUMBER = re.compile(r"[\d.]+[smhd]?\Z")
_PLAIN = re.compile(r"[\w.+\[-]{1,40}\Z", re.ASCII)
_MAX_DEPTH = 4

# A word is a run of quoted and plain pieces; an operator ends a command. An unclosed quote
# reaches to the end (a command that was cut).
_TOKEN = re.compile(
    r"""(?P<space>(?:[ \t\r]|\\\n)+)
      | (?P<comment>\#[^\n]*)
      | (?P<operator>\n|&&|\|\||[;|&()]|\d*(?:>>|<<<|<<-?|>&|<&|>|<)&?)
      | (?P<word>(?:'[^']*(?:'|\Z)|"(?:[^"\\]|\\.)*(?:"|\Z)|\\.|[^\s'"\\;|&()<>])+)""",
    re.VERBOSE | re.DOTALL,
)
_PIECE = re.compile(r"""'([^']*)(?:'|\Z)|"((?:[^"\\]|\\.)*)(?:"|\Z)|\\(.)|([^'"\\]+)""", re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\$`])')


# Most commands: a plain program, perhaps after a change of folder. Ten times as fast.
_USUAL = re.compile(r"\s*(?:cd [\w./~-]+ && )?([\w.+\[-]{1,40})(?=[ \t\r\n;]|\Z)", re.ASCII)
_SPECIAL = frozenset(SHELLS | set(_PREFIXES) | _SETTINGS)


def command_word(command: str | Sequence[str]) -> str | None:
    """The program that a command line (or an argument list) runs; None for an empty one.

    Never more than a plain name: whatever else stands there is called `unusual`.
    """
    if isinstance(command, str):
        usual = _USUAL.match(command)
        if usual is not None:
            word = usual.group(1)
            if word.lower().removesuffix(".exe") not in _SPECIAL:
                return word
        return _of_script(command, 0)
    return _of_words(list(command), 0)


def _of_script(script: str, depth: int) -> str | None:
    """The first command of a script that is not only a setting of the ones after it."""
    settings: str | None = None
    words: list[str] = []
    skip_target = False
    for match in _TOKEN.finditer(script):
        kind = match.lastgroup
        if kind == "word":
            if skip_target:
                skip_target = False
            else:
                words.append(_unquoted(match.group()))
        elif kind == "operator":
            operator = match.group()
            if "<" in operator or ">" in operator:
                skip_target = True
                continue
            if words:
                word = _of_words(words, depth)
                if word is not None and word not in _SETTINGS:
                    return word
                settings = settings or word
                words = []
    return (_of_words(words, depth) if words else None) or settings


def _of_words(words: list[str], depth: int) -> str | None:
    position = 0
    prefix = None
    while position < len(words):
        word = words[position]
        position += 1
        if _ASSIGNMENT.match(word):
            continue
        if prefix and word.startswith("-"):
            if _takes_next(word, *_PREFIXES[prefix]):
                position += 1
            continue
        if prefix and _NUMBER.match(word):
            continue
        name = word if word.endswith(("/", "\\")) else re.split(r"[/\\]", word)[-1]
        if name in _PREFIXES:
            prefix = name
            continue
        if name.lower().removesuffix(".exe") in SHELLS and depth < _MAX_DEPTH:
            script = _script_of(words[position:])
            if script is not None:
                return _of_script(script, depth + 1)
        return name if _PLAIN.match(name) else UNUSUAL
    return prefix


def _takes_next(option: str, short: str, long: str) -> bool:
    """Whether the value of an option is the word after it."""
    if option.startswith("--"):
        return option[2:] in long.split()
    letters = option[1:]  # the first that takes a value has the rest, or if nothing is left ...
    taking = next((place for place, letter in enumerate(letters, 1) if letter in short), 0)
    return taking == len(letters) > 0


def _script_of(arguments: list[str]) -> str | None:
    for index, argument in enumerate(arguments[:-1]):
        if _SCRIPT_OPTION.match(argument):
            return arguments[index + 1]
        if not argument.startswith(("-", "/")):
            return None
    return None


def _unquoted(word: str) -> str:
    pieces = []
    for single, double, escaped, plain in _PIECE.findall(word):
        pieces.append(single or _ESCAPED.sub(r"\1", double) or escaped or plain)
    return "".join(pieces)
