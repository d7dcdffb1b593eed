# SPDX-License-Identifier: BSD-2-Clause
"""Logs of several machines, the tables made of them, and what the program says of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import logs
import questions
from questions import Answers


@pytest.fixture(scope="session")
def captures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of logs of several machines."""
    folder = tmp_path_factory.mktemp("captures")
    for number, name in enumerate(logs.NAMES):
        place = folder / f"host=web {number}"
        place.mkdir()
        shutil.copy(logs.FIXTURES / name, place / "log")
    return folder


@pytest.fixture(scope="session")
def answers(captures: Path) -> Answers:
    return questions.answers(captures)


@pytest.fixture(scope="session")
def tables(captures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables of these logs, written by two runs."""
    folder = tmp_path_factory.mktemp("tables")
    options = ("--format", "parquet", "--stack", logs.STACKS, "--kernel", logs.KERNEL, "-o", folder)
    places = sorted(captures.iterdir())
    logs.run("convert", *options, *places[:2])
    logs.run("convert", *options, *places[2:])
    return folder
