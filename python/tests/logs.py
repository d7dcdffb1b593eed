# SPDX-License-Identifier: BSD-2-Clause
"""The logs of the tests, and what the program prints of them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "tests" / "fixtures"
# What the logs do not say themselves.
STACKS = "1=freebsd,2=rack,3=bbr"
KERNEL = "13"
NAMES = [
    "rack_tailloss_rto.tcplog",
    "rack_reqresp.tcplog",
    "bbr_keepalive.tcplog",
    "default_v4mapped.tcplog",
    "small-plain.elog",
]


def run(*args: object) -> bytes:
    """What the program prints. It is that of the environment variable BBLOG."""
    program = os.environ.get("BBLOG", "bblog")
    return subprocess.run([program, *map(str, args)], stdout=subprocess.PIPE, check=True).stdout


def lines(*args: object) -> list[dict[str, Any]]:
    """The objects that the program prints, one on each line."""
    return [json.loads(line) for line in run(*args).splitlines()]


def integer(value: object) -> int | None:
    """A number of JSON that fits 64 bits with a sign: large ones are strings; truth values are 0 and 1."""
    if isinstance(value, str) and len(value) > 15 and value.lstrip("-").isdigit():
        value = int(value)
    if isinstance(value, (bool, int)) and -(2**63) <= value < 2**63:
        return int(value)
    return None
