# SPDX-License-Identifier: BSD-2-Clause
"""The package returns what the program prints. The program is that of the environment variable BBLOG."""

import collections
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import bblog

LOGS = Path(__file__).parents[2] / "tests" / "fixtures"
LOG = LOGS / "rack_tailloss_rto.tcplog"


def lines(*args: object) -> list[dict[str, Any]]:
    program = os.environ.get("BBLOG", "bblog")
    ran = subprocess.run([program, *map(str, args)], capture_output=True, check=True)
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_events() -> None:
    events = lines("json", LOG)
    table = bblog.read(LOG)
    assert table.num_rows == len(events)
    assert table["event"].to_pylist() == [event["event"] for event in events]
    assert table["snd_cwnd"].to_pylist() == [event["bblog"].get("snd_cwnd") for event in events]
    assert table["time"].cast(pa.int64()).to_pylist() == [event["time_us"] for event in events]
    for values, event in zip(table["values"].to_pylist(), events):
        assert {name for name, _ in values} <= set(event["values"])
        assert all(int(event["values"][name]) == value for name, value in values)


def test_a_selection() -> None:
    table = bblog.read([LOG], filter="bblog.event == TIMERSTAR", summary=True)
    counts = collections.Counter(event["event"] for event in lines("json", LOG))
    assert table.num_rows == counts["TIMERSTAR"]
    assert all(table["summary"].to_pylist())
    assert bblog.read(LOG, connection="192.0.2.1:*-*").num_rows == 0


def test_connections() -> None:
    rows = lines("stats", "--json", LOGS / "rack_reqresp.tcplog", LOG)
    table = bblog.connections([LOG, LOGS / "rack_reqresp.tcplog"])
    by_id = {row["connection_id"]: row for row in rows}
    assert table.num_rows == len(by_id) == 2
    for row in table.to_pylist():
        row["first"] = row["last"] = None
        expected = by_id[row["connection_id"]] | {"first": None, "last": None}
        assert row == expected


def test_why() -> None:
    assert bblog.why(LOG) == lines("why", "--json", LOG)


def test_problems(tmp_path: Path) -> None:
    with pytest.raises(bblog.BblogError, match="No such file") as caught:
        bblog.read(tmp_path / "nothing")
    assert caught.value.status == 1
    with pytest.raises(bblog.BblogError, match="--filter"):
        bblog.read(LOG, filter="bblog.evnt == IN")
    with pytest.raises(bblog.BblogError, match="--filter"):
        bblog.why(LOG, filter="bblog.evnt == IN")
    torn = tmp_path / "torn"
    torn.write_bytes(LOG.read_bytes()[:5000])
    with pytest.raises(bblog.BblogError) as caught:
        bblog.read(torn)
    assert caught.value.status == 1
    with pytest.warns(bblog.BblogWarning, match="torn"):
        assert bblog.read(torn, partial=True).num_rows == (5000 - 208) // 328
    with pytest.warns(bblog.BblogWarning, match="torn"):
        assert bblog.connections([torn, LOG], partial=True).num_rows == 1
    with pytest.warns(bblog.BblogWarning, match="torn"):
        assert len(bblog.why(torn, partial=True)) == 1
    with pytest.raises(bblog.BblogError, match="--filter"):
        bblog.read(LOG, filter="bblog.evnt == IN", partial=True)


def test_no_program(tmp_path: Path) -> None:
    for program in [tmp_path / "bblog", tmp_path]:
        with pytest.raises(bblog.BblogError, match="expected the program bblog in PATH") as caught:
            bblog.read(LOG, program=str(program))
        assert caught.value.status == 127
        with pytest.raises(bblog.BblogError, match="expected the program bblog in PATH"):
            bblog.why(LOG, program=str(program))


def test_batches_one_by_one() -> None:
    with bblog.stream(LOG) as batches:
        assert sum(batch.num_rows for batch in batches) == bblog.read(LOG).num_rows
    # A caller that stops early does not wait for the rest.
    with pytest.raises(KeyError), bblog.stream(LOG):
        raise KeyError
