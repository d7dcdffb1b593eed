# SPDX-License-Identifier: BSD-2-Clause
"""The tables in Parquet, read by engines that we did not write: the same questions, the answers of bblog's JSON."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import questions
from questions import QUESTIONS, Answers, Dialect


@pytest.mark.parametrize("question", QUESTIONS)
def test_duckdb(tables: Path, answers: Answers, question: str) -> None:
    duckdb = pytest.importorskip("duckdb")
    dialect = Dialect("values['{key}']", "cardinality({map})", "quantile_cont({column}, {share})")
    with duckdb.connect() as connection:
        connection.sql("set timezone = 'UTC'")
        for table in ("connections", "events"):
            files = f"'{tables}/{table}/**/*.parquet', hive_partitioning = true, union_by_name = true"
            connection.sql(f"create view {table} as from read_parquet({files})")
        found = connection.sql(dialect.write(QUESTIONS[question])).fetchall()
    questions.check(question, found, answers[question])


@pytest.mark.parametrize("question", QUESTIONS)
def test_datafusion(tables: Path, answers: Answers, question: str) -> None:
    datafusion = pytest.importorskip("datafusion")
    dialect = Dialect("{map}['{key}']", "cardinality({map})", "percentile_cont({column}, {share})")
    context = datafusion.SessionContext()
    for table in ("connections", "events"):
        partitions = [("date", "string"), ("host", "string")]
        context.register_parquet(table, str(tables / table), table_partition_cols=partitions)
    found = context.sql(dialect.write(QUESTIONS[question])).to_arrow_table().to_pylist()
    questions.check(question, [tuple(row.values()) for row in found], answers[question])


@pytest.mark.parametrize("question", QUESTIONS)
def test_clickhouse(tables: Path, answers: Answers, question: str) -> None:
    chdb = pytest.importorskip("chdb")
    dialect = Dialect(
        "if(mapContains({map}, '{key}'), {map}['{key}'], null)", "length({map})", "quantileExactInclusive({share})({column})"
    )
    sql = dialect.write(QUESTIONS[question])
    for table in ("connections", "events"):
        files = f"file('{tables}/{table}/**/*.parquet', Parquet)"
        sql = re.sub(rf"(from|join) {table}\b", rf"\1 (select * from {files}) as {table}", sql)
    sql += " settings use_hive_partitioning = 1, session_timezone = 'UTC', join_use_nulls = 1"
    found = chdb.query(sql, "ArrowTable").to_pylist()
    questions.check(question, [tuple(row.values()) for row in found], answers[question])


@pytest.fixture(scope="module")
def frames(tables: Path) -> dict[str, Any]:
    """The tables as Polars has them, lazily."""
    polars = pytest.importorskip("polars")
    return {table: polars.scan_parquet(tables / table, hive_partitioning=True) for table in ("connections", "events")}


@pytest.mark.parametrize("question", QUESTIONS)
def test_polars(frames: dict[str, Any], answers: Answers, question: str) -> None:
    found = in_polars(question, frames["connections"], frames["events"]).collect().rows()
    questions.check(question, found, answers[question])


def in_polars(question: str, connections: Any, events: Any) -> Any:
    """A question in the expressions of Polars, whose SQL has no words for maps."""
    from polars import col, len as count

    shares = (0.5, 0.95, 0.99)

    def total(name: str) -> Any:
        # An empty sum is null in SQL.
        return col(name).sum().replace(0, None).fill_null(col(name).count().replace(0, None) * 0)

    match question:
        case "connections by stack":
            columns = [count(), total("lost_us"), total("retransmits").alias("a"), col("rtos").count().alias("b"), total("rtos").alias("c")]
            return connections.group_by("stack").agg(*columns)
        case "limits":
            return connections.select(col(f"limit_{limit}_us").sum() for limit in questions.LIMITS)
        case "verdicts":
            return connections.select("connection_id", "verdict")
        case "hosts and days":
            return connections.group_by("host", "date").agg(count())
        case "percentiles of connections":
            return connections.select(col("rtt_p50_us").quantile(share, "linear").alias(str(share)) for share in shares)
        case "events by name":
            return events.group_by("log", "event", "event_id").agg(count())
        case "percentiles of events":
            cwnd = events.filter(col("event") == "OUT")
            return cwnd.select(col("snd_cwnd").quantile(share, "linear").alias(str(share)) for share in shares)
        case "a value":
            timeout = col("values").map.get("timeout")
            return events.filter(col("event") == "TIMERSTAR").select(timeout.count().alias("a"), timeout.sum().alias("b"))
        case "entries":
            return events.select(col("values").map.len().sum(), col("texts").map.len().sum())
        case "times":
            return events.select(col("time").min().alias("a"), col("time").max().alias("b"), col("time").count().alias("c"))
        case "a join":
            joined = events.join(connections, on="connection_id")
            return joined.group_by("connection_id").agg(col("events").max(), count())
    raise AssertionError(f"no expression for {question}")
