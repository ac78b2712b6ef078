"""Numbers, sizes, times and money as people read them.

Belongs here: short texts for one value each. Does not belong here: pages (pages.py,
console.py), and forms for programs (formats.py).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # all but tabs and new lines


def printable(text: str) -> str:
    """Without codes that a terminal would obey: they are written as `\\x1b` and the like."""
    return _CONTROLS.sub(lambda code: f"\\x{ord(code.group()):02x}", text)


def count(number: int, thing: str, things: str | None = None) -> str:
    """`1 file`, `1,200 files`."""
    return f"{number:,} {thing if number == 1 else things or f'{thing}s'}"


def size(number: int) -> str:
    """`812 bytes`, `1.2 MB`."""
    if number < 1000:
        return count(number, "byte")
    scaled, units = number / 1000, ["kB", "MB", "GB"]
    while scaled >= 999.95 and len(units) > 1:
        scaled /= 1000
        del units[0]
    return f"{scaled:,.1f} {units[0]}"


def short(number: int, digits: int) -> str:
    """`812`, `1.2M`: thousands, millions or thousand millions, with so many decimal places."""
    if number < 1000:
        return str(number)
    scaled, units = number / 1000, ["k", "M", "B"]
    while round(scaled, digits) >= 1000 and len(units) > 1:
        scaled /= 1000
        del units[0]
    return f"{scaled:,.{digits}f}{units[0]}"


def money(dollars: int | Decimal) -> str:
    """To the cent; amounts below one dollar to four places, tinier ones as what they are."""
    dollars = Decimal(dollars)
    if 0 < dollars < Decimal("0.00005"):
        return "<$0.0001"
    return f"${dollars:,.2f}" if dollars >= 1 or not dollars else f"${dollars:.4f}"


def percent(share: float) -> str:
    """Whole percents; `100%` is said of all only, and `0%` of none only."""
    text = f"{share:.0%}"
    if text == "0%" and share > 0:
        return "<1%"
    return ">99%" if text == "100%" and share < 1 else text


def moment(time: datetime) -> str:
    """To the minute, with its zone."""
    return time.strftime("%Y-%m-%d %H:%M %Z")


def age(time: datetime, now: datetime | None = None) -> str:
    """`just now`, `3 hours ago`; `in the future` where a clock was wrong."""
    seconds = ((now or datetime.now(UTC)) - time).total_seconds()
    if seconds < -60:
        return "in the future"
    for length, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= length:
            return f"{count(int(seconds // length), unit)} ago"
    return "just now"
