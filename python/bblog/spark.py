# SPDX-License-Identifier: BSD-2-Clause
"""Logs of FreeBSD's TCP as a data source of Spark 4.

    from bblog.spark import BblogDataSource
    spark.dataSource.register(BblogDataSource)
    spark.read.format("bblog").load("/captures/**")

The executors decode, one partition per file or series, with the program bblog, which has to be on every machine.
Options: table (events, connections), filter, connection, kernel, stacks, host, program, partial (true: what can be read of a
damaged file counts; without it such a file fails the query).
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructType

from ._program import Table, stream

_SERIES = re.compile(r"(?P<series>.+)\.(?P<number>0|[1-9][0-9]*)\.(?:pcapng|elog)(?:\.(?:xz|zst|gz))?")


@dataclass
class Files(InputPartition):
    """The files of a series, or one file."""

    paths: tuple[str, ...]


class BblogDataSource(DataSource):
    """The format bblog."""

    @classmethod
    def name(cls) -> str:
        return "bblog"

    def schema(self) -> StructType:
        # The schema does not depend on the input: that of an empty one.
        with stream(os.devnull, _table(self.options), program=self.options.get("program")) as batches:
            return from_arrow_schema(_plain(batches.schema))

    def reader(self, schema: StructType) -> DataSourceReader:
        return BblogReader(dict(self.options))


class BblogReader(DataSourceReader):
    """Reads the files of a path."""

    def __init__(self, options: dict[str, str]) -> None:
        self.options = options

    def partitions(self) -> list[Files]:
        groups: dict[str, list[tuple[int, str]]] = {}
        for path in _files(self.options.get("path", "")):
            part = _SERIES.fullmatch(path)
            series, number = (part["series"], int(part["number"])) if part else (path, 0)
            groups.setdefault(series, []).append((number, path))
        return [Files(tuple(path for _, path in sorted(files))) for _, files in sorted(groups.items())]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        assert isinstance(partition, Files)
        names = {"filter": "filter", "connection": "connection", "kernel": "kernel", "stacks": "stack", "host": "host"}
        options = {option: self.options.get(name) for name, option in names.items()}
        table, program = _table(self.options), self.options.get("program")
        partial = _truth(self.options, "partial")
        with stream(partition.paths, table, options, program=program, partial=partial) as batches:
            for batch in batches:
                yield batch.cast(_plain(batch.schema))


def _table(options: Mapping[str, str]) -> Table:
    table = options.get("table", "events")
    if table not in ("events", "connections"):
        raise ValueError(f"option table: {table}, expected events or connections")
    return "connections" if table == "connections" else "events"


def _truth(options: Mapping[str, str], name: str) -> bool:
    value = options.get(name, "false").lower()
    if value not in ("true", "false"):
        raise ValueError(f"option {name}: {value}, expected true or false")
    return value == "true"


def _files(path: str) -> list[str]:
    found: set[str] = set()
    for name in glob.glob(path.removeprefix("file://"), recursive=True):
        if os.path.isfile(name):
            found.add(name)
        for folder, folders, files in os.walk(name):
            folders[:] = [inner for inner in folders if not inner.startswith(".")]
            found.update(os.path.join(folder, file) for file in files if not file.startswith("."))
    return sorted(found)


def _plain(schema: pa.Schema) -> pa.Schema:
    """The same columns without dictionaries, which Spark does not take."""

    def plain(field: pa.Field) -> pa.Field:
        return field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field

    return pa.schema([plain(field) for field in schema])
