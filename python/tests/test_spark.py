# SPDX-License-Identifier: BSD-2-Clause
"""The data source of Spark returns what the package does, on executors of their own."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import bblog

pyspark = pytest.importorskip("pyspark")
if shutil.which("java") is None:
    pytest.skip("no Java", allow_module_level=True)

from pyspark.sql import SparkSession, functions  # noqa: E402

from bblog.spark import BblogDataSource  # noqa: E402

LOGS = Path(__file__).parents[2] / "tests" / "fixtures"
NAMES = ["rack_tailloss_rto.tcplog", "rack_reqresp.tcplog", "bbr_keepalive.tcplog", "default_v4mapped.tcplog"]
FILES = int(os.environ.get("BBLOG_SPARK_FILES", "20"))


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("captures")
    for number in range(FILES):
        place = folder / f"host=web{number}"
        place.mkdir()
        shutil.copy(LOGS / NAMES[number % len(NAMES)], place / "log")
    return folder


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkSession]:
    master = os.environ.get("BBLOG_SPARK_MASTER", "local[2]")
    builder = SparkSession.builder.master(master).config("spark.ui.enabled", "false")
    session = builder.config("spark.sql.session.timeZone", "UTC").getOrCreate()
    session.dataSource.register(BblogDataSource)
    yield session
    session.stop()


def test_connections(spark: SparkSession, captures: Path) -> None:
    frame = spark.read.format("bblog").option("table", "connections").load(f"{captures}/**")
    expected = bblog.connections(captures)
    assert frame.count() == expected.num_rows == FILES
    total = frame.agg(functions.sum("lost_us"), functions.sum("events")).first()
    assert list(total) == [sum(expected["lost_us"].to_pylist()), sum(expected["events"].to_pylist())]
    assert frame.rdd.getNumPartitions() == FILES


def test_events(spark: SparkSession, captures: Path) -> None:
    options = {"filter": "bblog.event == TIMERSTAR"}
    frame = spark.read.format("bblog").options(**options).load(str(captures))
    expected = bblog.read(captures, filter=options["filter"])
    assert frame.count() == expected.num_rows
    timeouts = [dict(values).get("timeout") for values in expected["values"].to_pylist()]
    total = frame.agg(functions.sum(frame["values"]["timeout"])).first()[0]
    assert total == sum(timeout for timeout in timeouts if timeout is not None)


def test_wrong_options(spark: SparkSession) -> None:
    with pytest.raises(Exception, match="expected events or connections"):
        spark.read.format("bblog").option("table", "x").load("/dev/null").count()
