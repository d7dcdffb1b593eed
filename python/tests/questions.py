# SPDX-License-Identifier: BSD-2-Clause
"""Questions to tables, with the answers that follow from what the program prints as JSON.

A question is SQL in which what engines spell differently stands in braces: see Dialect.
"""

from __future__ import annotations

import collections
import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

import logs

Row = tuple[Any, ...]
Answers = dict[str, list[Row]]


@dataclass(frozen=True)
class Dialect:
    """How an engine spells what is not the same in all of them."""

    # A value of a map, null if the map does not have it: {map}, {key}.
    value: str
    # How many entries a map has: {map}.
    entries: str
    # A percentile between the two nearest values: {column}, {share}.
    percentile: str
    # What stands around a name.
    quote: str = '"'

    def write(self, question: str) -> str:
        """The question in this dialect."""

        class Spelled(dict[str, str]):
            def __missing__(inner, name: str) -> str:
                return f"{self.quote}{name}{self.quote}"

        spelled = Spelled(
            timeout=self.value.format(map=f"{self.quote}values{self.quote}", key="timeout"),
            text_entries=self.entries.format(map=f"{self.quote}texts{self.quote}"),
            value_entries=self.entries.format(map=f"{self.quote}values{self.quote}"),
        )
        for share in (0.5, 0.95, 0.99):
            for column in ("snd_cwnd", "rtt_p50_us"):
                name = f"{column}_p{share * 100:.0f}"
                spelled[name] = self.percentile.format(column=f"{self.quote}{column}{self.quote}", share=share)
        return question.format_map(spelled)


LIMITS = [
    "handshake", "application", "receiver_window", "congestion_window", "pacing", "recovery", "timeout", "send_buffer",
    "send_error", "sending", "closing", "unknown",
]  # fmt: skip

QUESTIONS: dict[str, str] = {
    "connections by stack": "select {stack}, count(*), sum({lost_us}), sum({retransmits}), count({rtos}), sum({rtos}) "
    "from connections group by {stack}",
    "limits": "select " + ", ".join(f"sum({{limit_{limit}_us}})" for limit in LIMITS) + " from connections",
    "verdicts": "select {connection_id}, {verdict} from connections",
    "hosts and days": "select {host}, {date}, count(*) from connections group by {host}, {date}",
    "percentiles of connections": "select {rtt_p50_us_p50}, {rtt_p50_us_p95}, {rtt_p50_us_p99} from connections",
    "events by name": "select {log}, {event}, {event_id}, count(*) from events group by {log}, {event}, {event_id}",
    "percentiles of events": "select {snd_cwnd_p50}, {snd_cwnd_p95}, {snd_cwnd_p99} from events where {event} = 'OUT'",
    "a value": "select count({timeout}), sum({timeout}) from events where {event} = 'TIMERSTAR'",
    "entries": "select sum({value_entries}), sum({text_entries}) from events",
    "times": "select min({time}), max({time}), count({time}) from events",
    "a join": "select connections.{connection_id}, max(connections.{events}), count(*) from events join connections "
    "on events.{connection_id} = connections.{connection_id} group by connections.{connection_id}",
}


def answers(folder: Path) -> Answers:
    """What the program says of the logs in `folder`, which has a folder `host=NAME` for each machine."""
    options = ("--stack", logs.STACKS, "--kernel", logs.KERNEL)
    rows = logs.lines("stats", "--json", *options, folder)
    events, limits = [], collections.Counter[str]()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        events += logs.lines("json", *options, path)
        for connection in logs.lines("why", "--json", *options, path):
            for limit in connection["sending"]["limits"]:
                limits[limit["state"]] += limit["time_us"]
    assert set(limits) <= set(LIMITS)
    return {**of_connections(rows, limits), **of_events(events, rows)}


def of_connections(rows: list[dict[str, Any]], limits: collections.Counter[str]) -> Answers:
    stacks = sorted({row["stack"] for row in rows}, key=str)

    def of(stack: str | None, name: str) -> list[int]:
        return [row[name] for row in rows if row["stack"] == stack and row[name] is not None]

    def total(numbers: list[int]) -> int | None:
        return sum(numbers) if numbers else None

    def date(row: dict[str, Any]) -> datetime.date | None:
        return datetime.date.fromisoformat(row["first"][:10]) if row["first"] else None

    rtts = sorted(row["rtt_p50_us"] for row in rows if row["rtt_p50_us"] is not None)
    places = collections.Counter((row["host"], date(row)) for row in rows)
    return {
        "connections by stack": [
            (
                stack, len(of(stack, "connection_id")), total(of(stack, "lost_us")), total(of(stack, "retransmits")),
                len(of(stack, "rtos")), total(of(stack, "rtos")),
            )  # fmt: skip
            for stack in stacks
        ],
        "limits": [tuple(limits[limit] for limit in LIMITS)],
        "verdicts": [(row["connection_id"], row["verdict"]) for row in rows],
        "hosts and days": [(host, day, count) for (host, day), count in places.items()],
        "percentiles of connections": [tuple(percentile(rtts, share) for share in (0.5, 0.95, 0.99))],
    }


def of_events(events: list[dict[str, Any]], rows: list[dict[str, Any]]) -> Answers:
    names = collections.Counter((event["log"], event["event"], event["event_id"]) for event in events)
    cwnds = sorted(
        event["bblog"]["snd_cwnd"] for event in events if event["event"] == "OUT" and event.get("bblog", {}).get("snd_cwnd") is not None
    )
    timeouts = [event["values"]["timeout"] for event in events if event["event"] == "TIMERSTAR" and "timeout" in event["values"]]
    times = [event["time_us"] for event in events if event["clock"] == "utc"]
    numbers = texts = 0
    for event in events:
        for value in event["values"].values():
            if logs.integer(value) is None:
                texts += 1
            else:
                numbers += 1
    return {
        "events by name": [(*name, count) for name, count in names.items()],
        "percentiles of events": [tuple(percentile(cwnds, share) for share in (0.5, 0.95, 0.99))],
        "a value": [(len(timeouts), sum(timeouts))],
        "entries": [(numbers, texts)],
        "times": [(time(min(times)), time(max(times)), len(times))],
        "a join": [(row["connection_id"], row["events"], row["events"]) for row in rows],
    }


def percentile(numbers: list[int], share: float) -> float:
    """Between the two nearest values, as SQL's percentile_cont has it. The numbers are sorted."""
    at = share * (len(numbers) - 1)
    low = int(at)
    high = min(low + 1, len(numbers) - 1)
    return numbers[low] + (numbers[high] - numbers[low]) * (at - low)


def time(micros: int) -> datetime.datetime:
    return datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=micros)


def check(name: str, found: list[Row], expected: list[Row], same: Callable[[Any, Any], bool] | None = None) -> None:
    """Compares rows, in any order."""
    found, expected = sorted(map(plain, found), key=repr), sorted(map(plain, expected), key=repr)
    assert len(found) == len(expected), f"{name}: {found}, expected {expected}"
    for row, right in zip(found, expected):
        assert row == right, f"{name}: {row}, expected {right}"


def plain(row: Row) -> Row:
    """Values as Python has them: times in UTC without a zone, days as days, numbers that are whole as integers."""
    return tuple(cell(value) for value in row)


def cell(value: Any) -> Any:
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc).replace(tzinfo=None) if value.tzinfo else value
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, float):
        return round(value, 6)
    return round(float(value), 6) if isinstance(value, int) and not isinstance(value, bool) else value
