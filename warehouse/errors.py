"""Errors that explain themselves to users: what is wrong, where, and what to do.

Belongs here: the two bases that the command line knows. Does not belong here: the errors
themselves (each module has its own).
"""

from __future__ import annotations

INTERRUPTED = 130  # exit code after Ctrl-C


class RollhouseError(Exception):
    """Something failed; printed as one line, without a traceback."""

    exit_code = 1


class UsageError(RollhouseError):
    """The user asked for something that cannot be; exit code 2."""

    exit_code = 2
