"""Rollouts from before the envelope (2025-05 to 2025-09-09), and JSON documents before those.

Belongs here: the head of such a file, and which lines without an envelope are known. Does
not belong here: the response items in them, which are the same as in later files (tools.py,
messages.py).

Such lines carry no time, and such files no events, turns or token counts.
"""

from __future__ import annotations

from warehouse.privacy import Privacy
from warehouse.sources.base import Rows, iso_us
from warehouse.sources.codex.metadata import Git, measured_instructions
from warehouse.sources.codex.shapes import ABSENT, Label, Payload, Place, Raw

BARE, DOCUMENT = "bare", "document"

# From this commit on a bare head's time is UTC; before, it was local time with a false Z.
_UTC_SINCE = "2025-09-04"


class Head(Payload):
    """The first line, or a document's `session`: id, time, instructions and git."""

    id: Label | None = None
    timestamp: str | None = None
    instructions: Raw = ABSENT
    git: Git | None = None

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        git = self.git or Git()
        url, repo_id = privacy.repository(git.repository_url)
        has_user, user_chars, user_hash = measured_instructions(self.instructions, privacy)
        rows["parsed_session_meta"].append(
            (
                *place,
                self.id,
                None,
                iso_us(self.timestamp),
                *[None] * 23,
                git.commit_hash,
                privacy.place(git.branch),
                url,
                repo_id,
                None,
                None,
                None,
                False,
                None,
                has_user,
                user_chars,
                None,
                None,
                user_hash,
                None,
                kind == BARE and self.timestamp is not None and self.timestamp < _UTC_SINCE,
            )
        )


class State(Payload, forbid_unknown_fields=False):
    """`{"record_type": "state"}` (2025-07-18 to 09-09), which holds nothing."""

    record_type: Raw = ABSENT

    def add(self, kind: str, place: Place, rows: Rows, privacy: Privacy) -> None:
        pass
