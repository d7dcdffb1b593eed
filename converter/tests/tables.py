# SPDX-License-Identifier: BSD-2-Clause
"""Compares tables in Parquet with what bblog prints as JSON: tables.py TABLES JSON [COLUMN...].

TABLES has the folders connections and events. JSON has the files events (bblog json), connections (bblog stats
--json) and why (bblog why --json). No COLUMN is compared.
"""

import collections
import json
import math
import sys

import duckdb

tables, texts, *left_out = sys.argv[1:]


def lines(name):
    with open(f"{texts}/{name}", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def query(sql):
    return duckdb.sql(sql).fetchall()


def same(what, found, expected):
    if found != expected:
        sys.exit(f"{what}: {found!r}, expected {expected!r}")


def number(value):
    """A number of JSON: large ones are strings; truth values are 0 and 1."""
    if isinstance(value, str):
        return int(value) if value.lstrip("-").isdigit() else None
    return int(value) if isinstance(value, (int, bool)) else None


def fits(value):
    return value is not None and -(2**63) <= value < 2**63


def source(table):
    return f"read_parquet('{tables}/{table}/**/*.parquet', hive_partitioning = true, union_by_name = true)"


duckdb.sql(f"create view connections as from {source('connections')}")
duckdb.sql(f"create view events as from {source('events')}")
events, connections, why = lines("events"), lines("connections"), lines("why")

# Connections: every column's count and sum, and the sums of why.
same("connections", query("select count(*), count(distinct connection_id) from connections"),
     [(len(connections), len({row["connection_id"] for row in connections}))])
for name in connections[0].keys() - set(left_out):
    known = [row[name] for row in connections if row[name] is not None]
    same(f"count({name})", query(f"select count({name}) from connections"), [(len(known),)])
    if known and isinstance(known[0], int):
        same(f"sum({name})", query(f"select sum({name}::hugeint) from connections"), [(sum(map(int, known)),)])
    elif known and name not in ("first", "last"):
        same(name, query(f"select {name} from connections where {name} is not null order by 1"),
             sorted((text,) for text in known))
limits = collections.Counter()
for connection in why:
    for limit in connection["sending"]["limits"]:
        limits[f"limit_{limit['state']}_us"] += limit["time_us"]
for name in (name for name in connections[0] if name.startswith("limit_")):
    same(f"{name} of why", query(f"select sum({name})::bigint from connections"), [(limits[name],)])

# Events: counts by name, every common member's count, sum and percentiles.
same("events", query("select count(*) from events"), [(len(events),)])
by_name = collections.Counter((event["event"], event["event_id"]) for event in events)
same("events by name", dict(((a, b), n) for a, b, n in query("select event, event_id, count(*) from events group by all")),
     dict(by_name))
members = {}
for event in events:
    for name, value in (event.get("bblog") or event["eventlog"]).items():
        value = number(value)
        if fits(value) and name != "event_id":
            members.setdefault(name, []).append(value)
assert members
for name in members.keys() - set(left_out):
    values = sorted(members[name])
    found = query(f'select count("{name}"), sum("{name}"::hugeint), quantile_disc("{name}", [0.5, 0.95, 0.99]) from events')
    expected = [values[max(math.ceil(q * len(values)) - 1, 0)] for q in (0.5, 0.95, 0.99)]
    same(name, found, [(len(values), sum(values), expected)])

# Their own values, by event and name; keys are there once.
def own(event):
    return {**event["values"], **event.get("raw", {})} if event["event"] is None else event["values"]


values = collections.defaultdict(lambda: [0, 0])
text_count = 0
for event in events:
    for name, value in own(event).items():
        value = None if isinstance(value, (str, list)) and not (isinstance(value, str) and len(value) > 15 and number(value) is not None) else number(value)
        if fits(value):
            values[event["event"], name][0] += 1
            values[event["event"], name][1] += value
found = query("select event, key, count(*), sum(value::hugeint) from (select event, unnest(map_entries(values), "
              "recursive := true) from events) group by all")
same("values", {(event, key): [count, total] for event, key, count, total in found}, dict(values))
same("keys", query("select count(*) from events where len(list_distinct(map_keys(values))) <> len(map_keys(values))"), [(0,)])

# Numbers that do not fit are texts.
large = collections.Counter((event["event"], name, str(number(value))) for event in events
                            for name, value in own(event).items() if isinstance(value, str) and len(value) > 15
                            and number(value) is not None and not fits(number(value)))
found = query("select event, key, value, count(*) from (select event, unnest(map_entries(texts), recursive := true) from events) "
              "where try_cast(value as hugeint) >= 9223372036854775808 group by all")
same("large numbers", {(event, key, value): count for event, key, value, count in found}, dict(large))

# Times, and joins with connections.
times = [event["time_us"] for event in events if event["clock"] == "utc"]
same("times", query("select count(time), sum(epoch_us(time))::hugeint from events"),
     [(len(times), sum(times) if times else None)])
dates = query("select count(*) from events where time is not null and date is distinct from time::date")
same("dates", dates, [(0,)])
joined = query("select connection_id, count(*) from events join connections using (connection_id) group by 1 order by 1")
per_connection = collections.Counter()
for row in connections:
    per_connection[row["connection_id"]] += row["events"]
if len(per_connection) == len(connections):
    same("joined", joined, sorted(per_connection.items()))
else:
    copies = collections.Counter(row["connection_id"] for row in connections)
    same("joined", joined, sorted((id, count * copies[id]) for id, count in per_connection.items()))

# Each value is described.
described = query(f"select count(*) from (select distinct event, unnest(map_keys(values)) as value from events where event "
                  f"is not null) where not exists (from '{tables}/schema/*.parquet' as s where s.event = event and "
                  f"s.value = value)")
same("values that the table schema does not describe", described, [(0,)])
