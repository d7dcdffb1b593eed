# SPDX-License-Identifier: BSD-2-Clause
"""Spark: the data source decodes on executors of their own, and the tables in Parquet hold the same.

BBLOG_SPARK_MASTER is the cluster (two workers), BBLOG_SPARK_FILES the number of files.
"""

from __future__ import annotations

import collections
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import bblog
import logs
import questions
from questions import QUESTIONS, Answers, Dialect

pyspark = pytest.importorskip("pyspark")
if shutil.which("java") is None:
    pytest.skip("no Java", allow_module_level=True)

from pyspark.sql import DataFrame, SparkSession, functions  # noqa: E402

from bblog.spark import BblogDataSource  # noqa: E402

FILES = int(os.environ.get("BBLOG_SPARK_FILES", "20"))
SAYS = {"stacks": logs.STACKS, "kernel": logs.KERNEL}


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkSession]:
    # A cluster on this machine starts its workers from here.
    os.environ.setdefault("SPARK_HOME", str(Path(pyspark.__file__).parent))
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    master = os.environ.get("BBLOG_SPARK_MASTER", "local-cluster[2,1,1024]")
    builder = SparkSession.builder.master(master).config("spark.ui.enabled", "false")
    builder = builder.config("spark.sql.shuffle.partitions", "2").config("spark.sql.session.timeZone", "UTC")
    session = builder.getOrCreate()
    session.dataSource.register(BblogDataSource)
    yield session
    session.stop()


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of as many machines."""
    folder = tmp_path_factory.mktemp("many")
    for number in range(FILES):
        place = folder / f"host=web{number}"
        place.mkdir()
        shutil.copy(logs.FIXTURES / logs.NAMES[number % len(logs.NAMES)], place / "log")
    return folder


def load(spark: SparkSession, path: Path | str, **options: str) -> DataFrame:
    return spark.read.format("bblog").options(**SAYS, **options).load(str(path))


def test_connections_of_many_files(spark: SparkSession, many: Path) -> None:
    frame = load(spark, f"{many}/**", table="connections").cache()
    assert frame.rdd.getNumPartitions() == FILES
    expected = logs.lines("stats", "--json", "--stack", logs.STACKS, "--kernel", logs.KERNEL, many)
    assert frame.count() == len(expected)
    names = ["lost_us", "events", "sent_bytes", "retransmits", *(f"limit_{limit}_us" for limit in questions.LIMITS)]
    totals = frame.agg(*(functions.sum(name) for name in names)).first()
    assert totals is not None
    assert dict(zip(names, totals)) == {name: sum(row[name] for row in expected) for name in names}
    found = {row["connection_id"]: (row["host"], row["verdict"]) for row in frame.collect()}
    assert found == {row["connection_id"]: (row["host"], row["verdict"]) for row in expected}
    # What why says of each log, as often as there is a copy of it.
    limits = collections.Counter[str]()
    for at, name in enumerate(logs.NAMES):
        copies = len(range(at, FILES, len(logs.NAMES)))
        for connection in bblog.why(logs.FIXTURES / name, stacks=logs.STACKS, kernel=logs.KERNEL):
            for limit in connection["sending"]["limits"]:
                limits[f"limit_{limit['state']}_us"] += limit["time_us"] * copies
    assert {name: total for name, total in zip(names, totals) if name.startswith("limit_") and total} == dict(limits)


def test_events_of_many_files(spark: SparkSession, many: Path) -> None:
    filter = "bblog.event == TIMERSTAR"
    frame = load(spark, many, filter=filter)
    rows, known = 0, []
    for at, name in enumerate(logs.NAMES):
        # Each log as often as there is a copy of it: of copies in one run the program takes one.
        copies = len(range(at, FILES, len(logs.NAMES)))
        expected = bblog.read(logs.FIXTURES / name, filter=filter, stacks=logs.STACKS, kernel=logs.KERNEL)
        timeouts = [dict(values).get("timeout") for values in expected["values"].to_pylist()]
        rows += copies * expected.num_rows
        known += copies * [timeout for timeout in timeouts if timeout is not None]
    total = frame.agg(functions.count("*"), functions.count(frame["values"]["timeout"]), functions.sum(frame["values"]["timeout"])).first()
    assert total is not None and known
    assert list(total) == [rows, len(known), sum(known)]


DIALECT = Dialect("{map}['{key}']", "size({map})", "percentile({column}, {share})", quote="`")


@pytest.mark.parametrize("question", QUESTIONS)
def test_tables(spark: SparkSession, tables: Path, answers: Answers, question: str) -> None:
    for table in ("connections", "events"):
        spark.read.parquet(str(tables / table)).createOrReplaceTempView(table)
    found: list[Any] = [tuple(row) for row in spark.sql(DIALECT.write(QUESTIONS[question])).collect()]
    questions.check(question, found, answers[question])


@pytest.mark.parametrize("question", [name for name in QUESTIONS if name != "hosts and days"])
def test_data_source(spark: SparkSession, captures: Path, answers: Answers, question: str) -> None:
    for table in ("connections", "events"):
        load(spark, captures, table=table).createOrReplaceTempView(table)
    found: list[Any] = [tuple(row) for row in spark.sql(DIALECT.write(QUESTIONS[question])).collect()]
    questions.check(question, found, answers[question])


def test_a_damaged_file(spark: SparkSession, tmp_path: Path) -> None:
    log = (logs.FIXTURES / logs.NAMES[0]).read_bytes()
    (tmp_path / "torn").write_bytes(log[:5000])
    with pytest.raises(Exception, match="torn"):
        load(spark, tmp_path).count()
    assert load(spark, tmp_path, partial="true").count() == (5000 - 208) // 328


def test_wrong_options(spark: SparkSession) -> None:
    with pytest.raises(Exception, match="expected true or false"):
        load(spark, logs.FIXTURES / logs.NAMES[0], partial="x").count()
    with pytest.raises(Exception, match="expected events or connections"):
        load(spark, "/dev/null", table="x").count()
    with pytest.raises(Exception, match="--filter"):
        load(spark, logs.FIXTURES / logs.NAMES[0], filter="bblog.evnt == IN").count()
