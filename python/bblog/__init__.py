# SPDX-License-Identifier: BSD-2-Clause
"""Logs of FreeBSD's TCP as Arrow tables, through the program bblog."""

from ._program import BblogError, BblogWarning, connections, read, stream, why

__all__ = ["BblogError", "BblogWarning", "connections", "read", "stream", "why"]
