# SPDX-License-Identifier: BSD-2-Clause
"""Runs the questions of docs/fleet.md on the sample, and compares the answers: questions.py PAGE [--write].

In the section Questions the block of sh makes the tables in the current folder, and each block of sql is followed by a block
of text with its answer. --write puts the answers into the page.
"""

import re
import subprocess
import sys

import duckdb

page = sys.argv[1]
with open(page, encoding="utf-8") as file:
    text = file.read()
begin = text.index("\n## Questions")
end = text.index("\n## ", begin + 1)
section = text[begin:end]

subprocess.run(["sh", "-euc", re.search(r"```sh\n(.*?)```", section, re.S)[1]], check=True)


def cell(value):
    if value is None:
        return "NULL"
    if isinstance(value, list):
        return "[" + ", ".join(map(cell, value)) + "]"
    return str(value)


def answer(sql):
    found = None
    for statement in filter(str.strip, sql.split(";")):
        found = duckdb.sql(statement)
    if found is None:
        return ""
    rows = [found.columns, *(tuple(map(cell, row)) for row in found.fetchall())]
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = ("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows)
    return "".join(line + "\n" for line in lines)


# The views that the questions use.
answer(re.search(r"```sql\n(create view.*?)```", section, re.S)[1])
wrong = []


def check(match):
    found = answer(match[1])
    if found != match[2]:
        wrong.append(f"{match[1]}{found}expected\n{match[2]}")
    return f"```sql\n{match[1]}```\n\n```text\n{found}```"


answered, count = re.subn(r"```sql\n((?:(?!```).)*)```\n\n```text\n((?:(?!```).)*)```", check, section, flags=re.S)
if count < 10:
    sys.exit(f"{page}: {count} questions with answers, expected 10")
if "--write" in sys.argv:
    with open(page, "w", encoding="utf-8") as file:
        file.write(text[:begin] + answered + text[end:])
elif wrong:
    sys.exit("\n".join(wrong))
