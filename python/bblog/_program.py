# SPDX-License-Identifier: BSD-2-Clause
"""Runs the program bblog and reads what it prints."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any, Literal, Union

import pyarrow as pa
import pyarrow.ipc

Path = Union[str, "os.PathLike[str]"]
Paths = Union[Path, Sequence[Path]]
Table = Literal["events", "connections"]


class BblogError(RuntimeError):
    """bblog could not read all of the inputs, or was called wrongly.

    messages: its lines on standard error.
    status: its exit status: 1 if an input or the output had a problem, 2 for wrong usage, 127 if it cannot be started.
    """

    def __init__(self, messages: str, status: int) -> None:
        super().__init__(messages or f"bblog ended with status {status}")
        self.messages = messages
        self.status = status


class BblogWarning(UserWarning):
    """bblog could not read all of the inputs. What it could read is returned."""


def read(
    paths: Paths,
    *,
    filter: str | None = None,
    connection: str | None = None,
    summary: bool = False,
    host: str | None = None,
    kernel: str | None = None,
    stacks: str | None = None,
    program: str | None = None,
    partial: bool = False,
) -> pa.Table:
    """Returns the events of logs and folders, one row each.

    filter: a display filter of Wireshark, such as "bblog.timer_fired == RTO".
    connection: the ends of a connection, such as "10.0.0.1:443-*".
    summary: adds the column summary, each event as `bblog show` prints it.
    host: the machine that logged.
    kernel, stacks: what the logs do not say, such as "13.2" and "1=freebsd,2=rack".
    program: the program; by default that of the environment variable BBLOG, else bblog of PATH.
    partial: returns what could be read of damaged inputs, and warns with BblogWarning.

    Raises BblogError if an input could not be read whole, unless partial is set.
    """
    options = {"filter": filter, "connection": connection, "host": host, "kernel": kernel, "stack": stacks}
    with stream(paths, "events", options, summary=summary, program=program, partial=partial) as batches:
        return batches.read_all()


def connections(
    paths: Paths,
    *,
    filter: str | None = None,
    connection: str | None = None,
    host: str | None = None,
    kernel: str | None = None,
    stacks: str | None = None,
    program: str | None = None,
    partial: bool = False,
) -> pa.Table:
    """Returns the connections of logs and folders, one row each. The arguments are those of read."""
    options = {"filter": filter, "connection": connection, "host": host, "kernel": kernel, "stack": stacks}
    with stream(paths, "connections", options, program=program, partial=partial) as batches:
        return batches.read_all()


def why(
    paths: Paths,
    *,
    filter: str | None = None,
    connection: str | None = None,
    kernel: str | None = None,
    stacks: str | None = None,
    program: str | None = None,
    partial: bool = False,
) -> list[dict[str, Any]]:
    """Returns what limited each connection, the worst first, as the objects of `bblog why --json`."""
    options = {"filter": filter, "connection": connection, "kernel": kernel, "stack": stacks}
    command = [_program(program), "why", "--json", *_options(options), "--", *_paths(paths)]
    try:
        ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError as error:
        raise _not_started(command, error) from None
    _check(_text(ran.stderr), ran.returncode, partial)
    return [json.loads(line) for line in ran.stdout.splitlines()]


@contextmanager
def stream(
    paths: Paths,
    table: Table = "events",
    options: dict[str, str | None] | None = None,
    *,
    summary: bool = False,
    program: str | None = None,
    partial: bool = False,
) -> Iterator[pa.RecordBatchReader]:
    """Gives the record batches of a table one by one, for logs that do not fit into memory.

    options: long options of `bblog convert` and their values, such as {"filter": "tcp.flags.reset == 1"}.

    Raises BblogError at the end if an input could not be read whole, or warns with BblogWarning if partial is set.
    """
    command = [_program(program), "convert", "--format", "arrow", "--output", "-", "--table", table]
    command += ["--summary"] if summary else []
    command += [*_options(options or {}), "--", *_paths(paths)]
    # A pipe could fill up, as nothing reads it before the end.
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)
        except OSError as error:
            raise _not_started(command, error) from None
        assert process.stdout is not None
        with process:
            try:
                yield _open(process, process.stdout, errors)
            except BaseException:
                process.kill()
                raise
            process.stdout.close()
            status = process.wait()
        _check(_read(errors), status, partial)


def _open(process: subprocess.Popen[bytes], output: IO[bytes], errors: IO[bytes]) -> pa.RecordBatchReader:
    try:
        return pyarrow.ipc.open_stream(output)
    except pa.ArrowInvalid:
        # It ended before it wrote a schema.
        status = process.wait()
        raise BblogError(_read(errors), status) from None


def _check(messages: str, status: int, partial: bool) -> None:
    """Ends what a run that ended with this status began."""
    if status == 1 and partial:
        warnings.warn(messages, BblogWarning, stacklevel=4)
    elif status != 0:
        raise BblogError(messages, status)


def _not_started(command: list[str], error: OSError) -> BblogError:
    expected = "expected the program bblog in PATH or its path in the environment variable BBLOG"
    return BblogError(f"{command[0]}: {error.strerror}, {expected}", 127)


def _program(program: str | None) -> str:
    return program or os.environ.get("BBLOG") or "bblog"


def _paths(paths: Paths) -> list[str]:
    if isinstance(paths, (str, os.PathLike)):
        paths = [paths]
    return [os.fspath(path) for path in paths]


def _options(options: dict[str, str | None]) -> list[str]:
    return [f"--{name}={value}" for name, value in options.items() if value is not None]


def _read(errors: IO[bytes]) -> str:
    errors.seek(0)
    return _text(errors.read())


def _text(message: bytes) -> str:
    return message.decode(errors="replace").strip()
