"""Status panels: values as shown, of every layout, and none of the text around them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sources.parsed import Row, checked, parse_whole, texts_of
from warehouse.sources.status import StatusSource

KIND = StatusSource()
SESSION = "01a1fde9-16ee-7ec2-adde-7dd26cbc47b7"
FORKED = "01a1fde9-0000-7ec2-adde-7dd26cbc47b7"


def read(tmp_path: Path, content: str | bytes, mode: str = "standard") -> dict[str, list[Row]]:
    path = tmp_path / "capture.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    rows = parse_whole(KIND, path, mode)
    checked(rows)
    return rows


def said(row: Row) -> Row:
    place = ("line_number", "byte_offset", "position")
    return {k: v for k, v in row.items() if v is not None and k not in place}


def panel(tmp_path: Path, content: str) -> Row:
    (row,) = read(tmp_path, content)["parsed_status"]
    return said(row)


def limits(tmp_path: Path, content: str) -> list[Row]:
    return [said(row) for row in read(tmp_path, content)["parsed_status_limits"]]


# --- the recordings -------------------------------------------------------------------------------


def test_captures_of_a_whole_session(streams: Path) -> None:
    found = {}
    for path in sorted((streams / "tui_apikey/status").glob("*.txt")):
        rows = parse_whole(KIND, path)
        checked(rows)
        content = path.read_text(encoding="utf-8")
        # every panel and exit line of the capture, counted by its one line of usage
        assert len(rows["parsed_status"]) == len(re.findall("Token usage:", content))
        assert sum(r["byte_length"] + 1 for r in rows["raw_lines"]) == path.stat().st_size
        found[path.name] = rows["parsed_status"]
    last = {name: rows[-1] for name, rows in found.items()}
    assert said(last["tui_04_status_after_turns.txt"]) == {
        "snapshot_kind": "panel",
        "is_last_of_capture": True,
        "cli_version": "0.169.0",
        "thread_id": SESSION,
        "model_shown": "GPT-5.4",
        "provider_shown": "mock",
        "effort": "medium",
        "reasoning_summary": "auto",
        "cwd": "~/ws/warehouse",
        "permissions_shown": "Full Access",
        "instruction_files": 0,
        "collaboration_mode": "default",
        "usage_shown": "12.8K total  (12K input + 817 output)",
        "context_shown": "100% left (11.6K used / 258K)",
        "shown_total_tokens": 12_800,
        "shown_total_error": 50,
        "shown_input_tokens": 12_000,
        "shown_input_error": 50,
        "shown_output_tokens": 817,
        "shown_output_error": 0,
        "shown_context_used_tokens": 11_600,
        "shown_context_used_error": 50,
        "shown_context_window_tokens": 258_000,
        "shown_context_window_error": 500,
        "context_left_percent": 100,
        "limits_state": "none_yet",
    }
    assert [row["snapshot_kind"] for row in found["tui_18_exit_resumed.txt"]] == [
        "panel",
        "panel",
        "panel",
        "exit",
    ]
    assert said(last["tui_18_exit_resumed.txt"]) == {
        "snapshot_kind": "exit",
        "is_last_of_capture": True,
        "thread_id": SESSION,
        "usage_shown": "Token usage: total=144,983 input=142,780 (+ 305,408 cached) "
        "output=2,203 (reasoning 556)",
        "shown_total_tokens": 144_983,
        "shown_total_error": 0,
        "shown_input_tokens": 142_780,
        "shown_input_error": 0,
        "shown_cached_tokens": 305_408,
        "shown_cached_error": 0,
        "shown_output_tokens": 2_203,
        "shown_output_error": 0,
        "shown_reasoning_tokens": 556,
        "shown_reasoning_error": 0,
    }
    # the panel above that line says the same, rounded
    shown, exact = found["tui_18_exit_resumed.txt"][-2:]
    for name in ("total", "input", "output"):
        difference = abs(shown[f"shown_{name}_tokens"] - exact[f"shown_{name}_tokens"])
        assert difference <= shown[f"shown_{name}_error"]
    # a panel whose head scrolled off still tells its session
    head = found["tui_08_goal.txt"][0]
    assert (head["line_number"], head["thread_id"], head["cli_version"]) == (1, SESSION, None)


def test_no_text_around_the_panels_gets_through(streams: Path) -> None:
    for path in sorted((streams / "tui_apikey/status").glob("*.txt")):
        said_in_session = ("S:", "Hello", "Long answer", "partial progress", "echo", "src_new")
        for text in texts_of(parse_whole(KIND, path)):
            assert not any(word in text for word in said_in_session), text


# --- layouts --------------------------------------------------------------------------------------

BOXED = f"""\
/status

╭───────────────────────────────────────────────────────────────────────╮
│  >_ OpenAI Codex (v0.58.0)                                             │
│                                                                       │
│ Visit https://chatgpt.com/codex/settings/usage for up-to-date         │
│ information on rate limits and credits                                │
│                                                                       │
│  Model:            gpt-5.1-codex (reasoning none, summaries detailed)  │
│  Directory:        ~/work/a…/deep                                     │
│  Approval:         on-request                                         │
│  Sandbox:          workspace-write                                    │
│  Agents.md:        AGENTS.md, sub/AGENTS.md                           │
│  Account:          someone@secret.example (Plus)                      │
│  Thread name:      größe                                              │
│  Session:          {SESSION}                 │
│  Forked from:      {FORKED}                 │
│                                                                       │
│  Context window:   72% left (87.2K used / 272K)                       │
│  5h limit:         [████████████████░░░░] 77% left (resets 18:22)     │
│  Weekly limit:     [█████░░░░░░░░░░░░░░░] 23% left                    │
│                    (resets 07:08 on 7 May)                            │
│  Credits:          25 credits                                         │
│  Warning:          limits may be stale - start new turn to refresh.   │
╰───────────────────────────────────────────────────────────────────────╯

> something secret
"""


def test_boxed_panel(tmp_path: Path) -> None:
    rows = read(tmp_path, BOXED)
    (row,) = rows["parsed_status"]
    assert said(row) == {
        "snapshot_kind": "panel",
        "is_last_of_capture": True,
        "cli_version": "0.58.0",
        "thread_id": SESSION,
        "forked_from_id": FORKED,
        "name_chars": 5,
        "model_shown": "gpt-5.1-codex",
        "effort": "none",
        "reasoning_summary": "detailed",
        "cwd": "~/work/a…/deep",
        "permissions_shown": "on-request, workspace-write",
        "instruction_files": 2,
        "account_kind": "chatgpt",
        "plan_type": "plus",
        "context_shown": "72% left (87.2K used / 272K)",
        "context_left_percent": 72,
        "shown_context_used_tokens": 87_200,
        "shown_context_used_error": 50,
        "shown_context_window_tokens": 272_000,
        "shown_context_window_error": 500,
        "limits_state": "stale",
        "has_unlimited_credits": False,
        "credit_balance": "25",
    }
    assert row["line_number"] == 4
    assert [said(limit) for limit in rows["parsed_status_limits"]] == [
        {
            "limit_label": "5h",
            "left_percent": 77,
            "is_left_shown": True,
            "resets_shown": "18:22",
            "resets_minute": 18 * 60 + 22,
        },
        {
            "limit_label": "Weekly",
            "left_percent": 23,
            "is_left_shown": True,
            "resets_shown": "07:08 on 7 May",
            "resets_minute": 7 * 60 + 8,
            "resets_day": 7,
            "resets_month": 5,
        },
    ]
    kinds = [line["type"] for line in rows["raw_lines"]]
    assert kinds.index("panel") == 3
    assert kinds[-1] is None


def test_the_same_panel_with_control_sequences(tmp_path: Path) -> None:
    colored = "\x1b]0;codex\x07" + BOXED.replace("77%", "\x1b[32m77%\x1b[0m").replace(
        "Model:            ", "\x1b[2mModel:\x1b[22m\x1b[12C"
    ).replace("\n", "\x1b[K\r\n")
    plain, ansi = read(tmp_path, BOXED), read(tmp_path, colored)
    places = ("line_number", "byte_offset")
    for table in ("parsed_status", "parsed_status_limits"):
        assert [said(row) for row in plain[table]] == [said(row) for row in ansi[table]]
        assert all(row[name] is not None for row in ansi[table] for name in places)


def test_a_byte_order_mark_costs_no_title(tmp_path: Path) -> None:
    """Some editors of Windows write one before the first line."""
    content = "\ufeff  >_ OpenAI Codex (v0.50.0)\n\n  Model:      gpt-5\n  Directory:  ~/w\n"
    assert panel(tmp_path, content)["cli_version"] == "0.50.0"


def test_panel_drawn_by_moves_of_the_cursor(tmp_path: Path) -> None:
    """A raw capture may hold a whole screen in one line of the file."""
    rows = "".join(f"\x1b[{n};1H{text}" for n, text in enumerate(BOXED.splitlines(), 1))
    (row,) = read(tmp_path, f"{rows}\n")["parsed_status"]
    assert (row["thread_id"], row["model_shown"], row["line_number"]) == (
        SESSION,
        "gpt-5.1-codex",
        1,
    )


@pytest.mark.parametrize(
    ("shown", "left", "is_left"),
    [("77% left", 77.0, True), ("77% used", 23.0, False), ("0% used", 100.0, False)],
)
def test_bars_that_show_used_or_left(
    tmp_path: Path, shown: str, left: float, is_left: bool
) -> None:
    content = f"  >_ OpenAI Codex (v0.50.0)\n\n  Model:      gpt-5\n  5h limit:   [█] {shown}\n"
    (limit,) = limits(tmp_path, content)
    assert (limit["left_percent"], limit["is_left_shown"]) == (left, is_left)


def test_families_of_limits(tmp_path: Path) -> None:
    content = """\
  >_ OpenAI Codex (v0.120.0)

  Model:                        gpt-5.3-codex
  5h limit:                     [█] 90% left (resets 18:22)
  Weekly limit:                 [█] 80% left (resets 18:22 on 5 Oct)
  GPT-5.3-Codex-Spark limit:
  5h limit:                     [█] 70% left (resets 19:00)
  Weekly limit:                 60% left
  Reviews Daily limit:          50% left
  Monthly credit limit:         [█] 68% left (resets 00:00 on 1 Nov)
                                8,000 of 25,000 credits used
"""
    assert [
        (r.get("limit_group"), r["limit_label"], r["left_percent"], r.get("amount_shown"))
        for r in limits(tmp_path, content)
    ] == [
        (None, "5h", 90, None),
        (None, "Weekly", 80, None),
        ("GPT-5.3-Codex-Spark", "5h", 70, None),
        ("GPT-5.3-Codex-Spark", "Weekly", 60, None),
        ("Reviews", "Daily", 50, None),
        ("GPT-5.3-Codex-Spark", "Monthly credit", 68, "8,000 of 25,000 credits used"),
    ]


def test_a_limit_that_was_cut_off_is_no_heading(tmp_path: Path) -> None:
    content = """\
  >_ OpenAI Codex (v0.120.0)

  Model:          gpt-5.3-codex
  5h limit:       [█████] 77% l
  Weekly limit:   60% left
"""
    assert [(r.get("limit_group"), r["limit_label"]) for r in limits(tmp_path, content)] == [
        (None, "Weekly")
    ]


@pytest.mark.parametrize(
    ("value", "state"),
    [
        ("not available for this account", "not_available"),
        ("data not available yet", "none_yet"),
        ("refresh requested; run /status again shortly.", "requested"),
    ],
)
def test_states_of_limits(tmp_path: Path, value: str, state: str) -> None:
    content = f"  >_ OpenAI Codex (v1)\n  Model:   gpt-5\n  Limits:  {value}\n"
    assert panel(tmp_path, content)["limits_state"] == state


@pytest.mark.parametrize(
    ("value", "kind", "plan"),
    [
        ("me@secret.example (Pro Lite)", "chatgpt", "pro_lite"),
        ("me@secret.example", "chatgpt", None),
        ("Business", "chatgpt", "business"),
        ("ChatGPT", "chatgpt", None),
        ("API key configured (run codex login to use ChatGPT)", "api_key", None),
    ],
)
def test_accounts_lose_their_address(
    tmp_path: Path, value: str, kind: str, plan: str | None
) -> None:
    row = panel(tmp_path, f"  >_ OpenAI Codex (v1)\n  Model:    gpt-5\n  Account:  {value}\n")
    assert (row["account_kind"], row.get("plan_type")) == (kind, plan)
    assert "secret" not in str(row)


@pytest.mark.parametrize(
    ("shown", "value", "error"),
    [
        ("0", 0, 0),
        ("999", 999, 0),
        ("1.05K", 1_050, 5),
        ("2K", 2_000, 5),
        ("12K", 12_000, 50),
        ("12.8K", 12_800, 50),
        ("145K", 145_000, 500),
        ("1.2M", 1_200_000, 5_000),
        ("3.14B", 3_140_000_000, 5_000_000),
        ("272M", 272_000_000, 500_000),
    ],
)
def test_rounding_is_kept(tmp_path: Path, shown: str, value: int, error: int) -> None:
    usage = f"{shown} total  ({shown} input + 0 output)"
    content = f"  >_ OpenAI Codex (v1)\n  Model:        gpt-5\n  Token usage:  {usage}\n"
    row = panel(tmp_path, content)
    assert (row["shown_total_tokens"], row["shown_total_error"]) == (value, error)
    assert row["usage_shown"] == usage


@given(st.integers(min_value=0, max_value=10**13 - 1))
def test_the_true_number_lies_within_the_rounding(tokens: int) -> None:
    """Codex's own rounding, turned round."""
    from warehouse.sources.status.panels import _compact

    scaled, suffix = float(tokens), ""
    for scale, name in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")):
        if tokens >= scale:
            scaled, suffix = tokens / scale, name
            break
    decimals = 0 if not suffix or scaled >= 100 else 1 if scaled >= 10 else 2
    shown = f"{scaled:.{decimals}f}"
    if decimals:
        shown = shown.rstrip("0").rstrip(".")
    values = _compact(shown, suffix, "total")
    value, error = values["shown_total_tokens"], values["shown_total_error"]
    assert isinstance(value, int)
    assert isinstance(error, int)
    assert abs(value - tokens) <= error


@pytest.mark.parametrize(
    "number", ["144,983", "144.983", "144 983", "144\u202f983", "144'983", "144983"]
)
def test_separators_of_every_locale(tmp_path: Path, number: str) -> None:
    row = panel(tmp_path, f"Token usage: total={number} input=5 output=7\n")
    assert row["shown_total_tokens"] == 144_983
    assert "shown_cached_tokens" not in row
    assert "thread_id" not in row


@pytest.mark.parametrize(
    "after",
    [
        f"To continue this session, run codex resume {SESSION}",
        f"To continue this session, run:\n  \x1b[36mcodex resume {SESSION}\x1b[39m",
        f"Session ID: {SESSION}",
    ],
)
def test_session_after_the_usage_line(tmp_path: Path, after: str) -> None:
    content = f"Token usage: total=12 input=5 output=7\n{after}\n"
    assert panel(tmp_path, content)["thread_id"] == SESSION


def test_a_session_named_by_its_name_stays_unnamed(tmp_path: Path) -> None:
    content = "Token usage: total=12 input=5 output=7\nrun codex resume my-secret-name\n\n\n"
    late = f"{content}codex resume {SESSION}\n"
    assert "thread_id" not in panel(tmp_path, late)


@pytest.mark.parametrize("width", range(40, 100))
def test_an_exit_line_that_a_narrow_terminal_wrapped(tmp_path: Path, width: int) -> None:
    """The whole line is longer than the 80 columns of an ordinary terminal."""
    said_at_exit = (
        "Token usage: total=1,166,383 input=1,142,780 (+ 30,305,408 cached) output=23,603"
        " (reasoning 5,556)",
        f"To continue this session, run codex resume {SESSION}",
        "3 files changed",
    )
    rows = [
        line[at : at + width].rstrip() for line in said_at_exit for at in range(0, len(line), width)
    ]
    row = panel(tmp_path, "\n".join(rows) + "\n")
    names = ("total", "input", "cached", "output", "reasoning")
    shown = [row[f"shown_{name}_tokens"] for name in names]
    assert shown == [1_166_383, 1_142_780, 30_305_408, 23_603, 5_556]
    assert row["thread_id"] == SESSION


def test_what_follows_an_exit_line_is_no_part_of_its_numbers(tmp_path: Path) -> None:
    for after in ("3 files", "(reasoning about files)", "7", "output=9"):
        row = panel(tmp_path, f"Token usage: total=12 input=5 output=7\n{after}\n")
        assert (row["shown_total_tokens"], row["shown_output_tokens"]) == (12, 7)
        assert "shown_reasoning_tokens" not in row


OLD = f"""\
/status
📂 Workspace
  • Path: ~/work
  • Approval Mode: on-request
  • Sandbox: workspace-write
  • AGENTS files: (none)

👤 Account
  • Signed in with ChatGPT
  • Login: someone@secret.example
  • Plan: Plus

🧠 Model
  • Name: gpt-5
  • Provider: OpenAI
  • Reasoning Effort: High
  • Reasoning Summaries: Auto

💻 Client
  • CLI Version: 0.36.0

📊 Token Usage
  • Session ID: {SESSION}
  • Input: 1,234 (+ 5678 cached)
  • Output: 321
  • Total: 1,555

▌ Ask Codex
"""


def test_layout_before_the_card(tmp_path: Path) -> None:
    assert panel(tmp_path, OLD) == {
        "snapshot_kind": "panel",
        "is_last_of_capture": True,
        "cli_version": "0.36.0",
        "thread_id": SESSION,
        "model_shown": "gpt-5",
        "provider_shown": "OpenAI",
        "effort": "high",
        "reasoning_summary": "auto",
        "cwd": "~/work",
        "permissions_shown": "on-request, workspace-write",
        "instruction_files": 0,
        "account_kind": "chatgpt",
        "plan_type": "plus",
        "shown_input_tokens": 1_234,
        "shown_input_error": 0,
        "shown_cached_tokens": 5_678,
        "shown_cached_error": 0,
        "shown_output_tokens": 321,
        "shown_output_error": 0,
        "shown_total_tokens": 1_555,
        "shown_total_error": 0,
    }


# --- what is no panel -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n\n",
        "Model: a secret\n",
        "  Model:  gpt-5\n\nand other text\n  Directory:     ~/elsewhere\n",
        "The Session: was long.\nModel: none\nDirectory: x\n",
        "  >_ OpenAI Codex (v0.169.0)\n     ~/ws/warehouse\n  permissions: YOLO mode\n",
        "Token usage: unknown\n",
    ],
)
def test_other_text_is_left_alone(tmp_path: Path, text: str) -> None:
    rows = read(tmp_path, text)
    assert rows["parsed_status"] == []
    assert len(rows["raw_lines"]) == text.count("\n")


def test_values_that_do_not_fit_are_left_out(tmp_path: Path) -> None:
    """Text where values belong (a screen drawn over, a look-alike) does not get through."""
    canary = "Kanarienvogel zwitschert laut!"
    fields = (
        "Model",
        "Model provider",
        "Permissions",
        "Account",
        "Thread name",
        "Collaboration mode",
        "Session",
        "Forked from",
        "Token usage",
        "Context window",
        "Credits",
        "Limits",
        "Warning",
        "5h limit",
        f"{canary[:-1]} limit",
    )
    body = "".join(f"  {name + ':':<40}{canary}\n" for name in fields)
    rows = read(tmp_path, f"  >_ OpenAI Codex (v1.0)\n\n{body}")
    assert len(rows["parsed_status"]) == 1
    assert not [text for text in texts_of(rows) if "Kanarien" in text]


def test_what_follows_a_panel_is_not_its_last_value(tmp_path: Path) -> None:
    head = "  >_ OpenAI Codex (v1.0)\n\n  Model:      gpt-5\n  Directory:  ~/work\n"
    for text in ("                    a secret\n", "\n                    a secret\n"):
        assert panel(tmp_path, head + text)["cwd"] == "~/work"


def test_strict_privacy_hides_the_folder(tmp_path: Path) -> None:
    (row,) = read(tmp_path, BOXED, "strict")["parsed_status"]
    assert re.fullmatch("[0-9a-f]{16}", row["cwd"])


@settings(deadline=None)  # the first example loads the parser
@given(content=st.binary(max_size=400), seed=st.integers(0, len(BOXED)))
def test_any_bytes_make_lines(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, seed: int
) -> None:
    path = tmp_path_factory.mktemp("any") / "capture.txt"
    path.write_bytes(BOXED[seed:].encode() + content + OLD[:seed].encode())
    rows = parse_whole(KIND, path)
    checked(rows)
    size = path.stat().st_size
    ends = [row["byte_offset"] + row["byte_length"] for row in rows["raw_lines"]]
    assert all(end <= size for end in ends)


def test_long_lines_are_taken_in_pieces(tmp_path: Path) -> None:
    rows = read(tmp_path, b"x" * (5 << 20) + b"\n" + BOXED.encode())
    assert len(rows["parsed_status"]) == 1
    assert max(row["byte_length"] for row in rows["raw_lines"]) <= 1 << 20
