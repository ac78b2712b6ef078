"""Shell commands: where a call holds one, what it runs, and what its output says came of it.

Belongs here: the command inside a tool's arguments in every version, its keyed hash, and
exit code, duration and outcome from the text of an output. Does not belong here: the first
word of a command line (warehouse/sources/commands.py).
"""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

from warehouse.privacy import Privacy
from warehouse.sources.codex.shapes import ABSENT, Raw, is_text
from warehouse.sources.commands import SHELLS, command_word

# --- the command ----------------------------------------------------------------------------------

# Tools whose arguments hold a command. write_stdin goes on with one that runs.
COMMAND_TOOLS = frozenset(
    {"shell", "container.exec", "local_shell", "shell_command", "exec_command", "unified_exec"}
)

_SHELL_OPTIONS = ("-lc", "-c", "-lic", "-ic", "-Command", "/c")


class Arguments(msgspec.Struct, gc=False):
    """The arguments of such a tool, in every version."""

    cmd: str | list[str] | None = None
    command: str | list[str] | None = None
    input: str | list[str] | None = None
    sandbox_permissions: str | None = None
    with_escalated_permissions: bool | None = None
    session_id: Raw = ABSENT


_arguments = msgspec.json.Decoder(Arguments).decode


def command_of_call(arguments: str, privacy: Privacy) -> tuple[str, str | None, str, bool] | None:
    """(command, first word, keyed hash, whether it wants more rights) of a call's arguments.

    None where there is none to be read. The command itself is content: never kept.
    """
    try:
        found = _arguments(arguments)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return None  # models write arguments that are no JSON, or of wrong types
    command = found.cmd or found.command or found.input
    if not command or found.session_id != ABSENT:  # unified_exec wrote to one that ran, too
        return None
    text, word, digest = describe(command, privacy)
    permissions = found.sandbox_permissions
    is_escalated = permissions is not None and permissions != "use_default"
    return text, word, digest, is_escalated or found.with_escalated_permissions is True


def describe(command: str | list[str], privacy: Privacy) -> tuple[str, str | None, str]:
    """(the command as text, its first word, its keyed hash).

    `bash -lc <script>` is the script, so that the same command has the same hash whichever
    line tells of it.
    """
    if isinstance(command, str):
        text = command
    elif len(command) == 3 and command[1] in _SHELL_OPTIONS and _is_shell(command[0]):
        text = command[2]
    else:
        text = " ".join(command)
        return text, command_word(command), privacy.digest(text)
    return text, *_word_and_hash(text, privacy)


@lru_cache(maxsize=64)  # of every second command, and always the same few
def _is_shell(program: str) -> bool:
    return re.split(r"[/\\]", program)[-1].lower().removesuffix(".exe") in SHELLS


# A call and the item that tells what became of it follow each other.
_KNOWN_COMMANDS = 512
_known: dict[tuple[bytes, str], tuple[str | None, str]] = {}


def _word_and_hash(script: str, privacy: Privacy) -> tuple[str | None, str]:
    key = (privacy.key, script)
    found = _known.get(key)
    if found is None:
        if len(_known) >= _KNOWN_COMMANDS:
            _known.clear()
        found = _known[key] = command_word(script), privacy.digest(script)
    return found


# --- its outcome ----------------------------------------------------------------------------------

# What an output says of the call that it answers: outcome, exit code, duration in ms, tokens
# and lines of the output before it was cut.
Outcome = tuple[str | None, int | None, int | None, int | None, int | None]

NOTHING_SAID: Outcome = (None, None, None, None, None)

# Outputs as JSON writes them, so that long ones need not be decoded. By their first letter:
# unified exec, ...
_UNIFIED = re.compile(
    rb'"(?:Chunk ID: \w{1,40}\\n)?Wall time: ([\d.]{1,20}) seconds'
    rb"(?:\\n(?:Process exited with code (-?\d{1,10})|(Process running with session ID [^\\]{1,40})"
    rb"|(aborted by user)))?"
    rb"(?:\\nOriginal token count: (\d{1,15}))?"
)
# ... one command with its output as text, ...
_FREEFORM = re.compile(
    rb'"Exit code: (-?\d{1,10})\\nWall time: ([\d.]{1,20}) seconds'
    rb"(?:\\nTotal output lines: (\d{1,15}))?(\\nOutput:\\ncommand timed out after \d)?"
)
# ... or as JSON within JSON, whose numbers are its last bytes, ...
_STRUCTURED = re.compile(
    rb'\\"metadata\\":\{\\"exit_code\\":(-?\d{1,10}),\\"duration_seconds\\":([\d.]{1,20})\}\}"\Z'
)
_STRUCTURED_BEGIN = b'"{\\"output\\":'
_STRUCTURED_LATE = b'"{\\"output\\":\\"command timed out after '
_STRUCTURED_BYTES = 120
# ... or why there is none.
_REFUSED = re.compile(
    rb'"(?:(command timed out after \d)|(unsupported (?:custom tool )?call|unsupported tool)'
    rb'|(aborted(?: by user)?(?:"|\\n| after))'
    rb"|(apply_patch verification failed|failed to parse (?:function )?arguments"
    rb"|exec_command failed|write_stdin failed|execution error|tool call error)"
    rb"|(?:exec command |patch |shell command |tool call )?rejected by user"
    rb"|user (?:rejected|cancelled|denied))"
)


def outcome_of(output: bytes) -> Outcome:
    """Exit code and the like from the text of an output, given as JSON writes it."""
    first = output[1:2]
    if first == b"C" or first == b"W":
        match = _UNIFIED.match(output)
        if match is None:
            return NOTHING_SAID
        wall, code, running, aborted, tokens = match.groups()
        return (
            "exited" if code else "running" if running else "aborted" if aborted else None,
            None if code is None else int(code),
            _ms(wall),
            None if tokens is None else int(tokens),
            None,
        )
    if first == b"E":
        match = _FREEFORM.match(output)
        if match is None:
            return NOTHING_SAID
        code, wall, lines, late = match.groups()
        return (
            "timed_out" if late else "exited",
            int(code),
            _ms(wall),
            None,
            None if lines is None else int(lines),
        )
    if first == b"{":
        if not output.startswith(_STRUCTURED_BEGIN):
            return NOTHING_SAID
        match = _STRUCTURED.search(output, max(0, len(output) - _STRUCTURED_BYTES))
        if match is None:
            return NOTHING_SAID
        name = "timed_out" if output.startswith(_STRUCTURED_LATE) else "exited"
        return name, int(match.group(1)), _ms(match.group(2)), None, None
    match = _REFUSED.match(output)
    if match is None:
        return NOTHING_SAID
    late, unsupported, aborted, failed = match.groups()
    return (
        "timed_out"
        if late
        else "unsupported"
        if unsupported
        else "aborted"
        if aborted
        else "failed"
        if failed
        else "rejected",
        None,
        None,
        None,
        None,
    )


def _ms(seconds: bytes) -> int | None:
    try:
        return round(float(seconds) * 1000)
    except ValueError:  # several points
        return None


def json_bytes(raw: Raw) -> int | None:
    """Size of a value as JSON writes it (a text without its quotes); None for null."""
    if raw == ABSENT:
        return None
    return len(raw) - 2 if is_text(raw) else len(raw)
