"""Handshakes and accounts.

Belongs here: initialize, its answer, and states of the account. Does not belong here: limits.
"""

from __future__ import annotations

import re

from warehouse.sources.app_server import shapes as s
from warehouse.sources.app_server.rows import At, Known, MessageRows, Named, Place
from warehouse.sources.texts import word

_USER_AGENT = re.compile(r"([^/]{1,100})/(\S{1,60}) \(([^;)]*?)(?: (\d[^;) ]*))?; ([^;)]{1,60})\)")


class ConnectionRows(MessageRows):
    """Rows of parsed_app_connections."""

    @property
    def known(self) -> Known:
        return {
            "initialize": (s.Initialize, self._initialize),
            "account/updated": (s.AccountUpdated, self._account),
        }

    def _initialize(self, p: s.Initialize, at: At) -> Named:
        client = p.client_info or s.ClientInfo()
        capabilities = p.capabilities or s.Capabilities()
        opted_out = capabilities.opt_out_notification_methods
        self._add(
            "parsed_app_connections",
            at.place,
            {
                "event": at.method,
                "client_name": client.name,
                "client_title": client.title,
                "client_version": client.version,
                "is_experimental": capabilities.experimental_api,
                "opted_out_methods": None if opted_out is None else len(opted_out),
            },
        )
        return Named()

    def _account(self, p: s.AccountUpdated, at: At) -> Named:
        self._add(
            "parsed_app_connections",
            at.place,
            {"event": at.method, "auth_mode": word(p.auth_mode), "plan_type": word(p.plan_type)},
        )
        return Named()

    def runtime(self, answer: s.Answer, place: Place) -> None:
        """The answer to initialize: which Codex, on which system."""
        found = _USER_AGENT.match(answer.user_agent or "")
        product, version, system, system_version, arch = found.groups() if found else (None,) * 5
        self._add(
            "parsed_app_connections",
            place,
            {
                "event": "initialize/answered",
                "originator": product,
                "cli_version": version,
                "runtime_os": system or answer.platform_os,
                "runtime_os_version": system_version,
                "runtime_arch": arch,
            },
        )
