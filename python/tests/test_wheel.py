# SPDX-License-Identifier: BSD-2-Clause
"""What is installed: the wheel, typed, with the version of the program."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import bblog
import logs


def test_it_is_the_installed_package() -> None:
    package = Path(bblog.__file__).parent
    assert "site-packages" in package.parts
    assert (package / "py.typed").is_file()
    assert (package / "spark.py").is_file()


def test_its_version_is_that_of_the_program() -> None:
    program = logs.run("--version").decode().split()
    assert importlib.metadata.version("bblog") in program
