"""Lines of session_index.jsonl: which thread was given a name, and when.

Belongs here: these lines. Does not belong here: which line of a thread holds (sql/).
"""

from __future__ import annotations

import msgspec

from warehouse.privacy import Privacy
from warehouse.sources.base import Rows, iso_us, us_iso
from warehouse.sources.texts import ident

TABLES = ("raw_lines", "parsed_rejects", "parsed_session_index")


class _Entry(msgspec.Struct, gc=False):
    id: str | None = None
    thread_name: str | None = None
    updated_at: str | None = None


class IndexParser:
    """Parser of one worker."""

    def __init__(self, privacy: Privacy) -> None:
        self._privacy = privacy
        self._decode = msgspec.json.Decoder(_Entry).decode

    def parse(self, lines: list[bytes], line_number: int, offset: int, rows: Rows) -> None:
        for line in lines:
            at = None
            if line.strip():
                try:
                    entry = self._decode(line)
                except msgspec.ValidationError:
                    problem = ("bad_field", "it is no object of an id, a name and a time")
                    rows["parsed_rejects"].append((line_number, offset, len(line), *problem))
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                    problem = ("not_json", "the line is not JSON (torn or damaged)")
                    rows["parsed_rejects"].append((line_number, offset, len(line), *problem))
                else:
                    at = iso_us(entry.updated_at)
                    name = entry.thread_name
                    rows["parsed_session_index"].append(
                        (
                            line_number,
                            offset,
                            at,
                            ident(entry.id),
                            None if name is None else len(name),
                            self._privacy.digest(name) if name else None,
                        )
                    )
            rows["raw_lines"].append(
                (
                    line_number,
                    offset,
                    len(line),
                    None if at is None else us_iso(at),
                    *(None, None, None, None, None),
                )
            )
            line_number += 1
            offset += len(line) + 1
