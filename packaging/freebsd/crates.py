#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Cargo.lock to the port's list of crates: Makefile.crates, and distinfo with sums and sizes.

usage: crates.py [--check] [--distfile FILE] [--lock FILE] [--port DIR]

Sums come from Cargo.lock, sizes from cargo's download cache, whose files must have those sums.
--distfile adds the release's own archive; without it distinfo keeps what it says of one.
--check writes nothing and fails if the port's files are not what would be written.
"""

import argparse
import glob
import hashlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path

try:
    import tomllib
except ImportError:
    sys.exit("crates: python3 is too old, expected 3.11 or newer")

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def fail(message):
    sys.exit(f"crates: {message}")


def locked(path):
    """The registry's packages in Cargo.lock: name-version and sum."""
    try:
        lock = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        fail(f"{path}: {error}")
    crates = []
    for package in lock.get("package", []):
        source = package.get("source")
        if source is None:
            continue
        if not source.startswith("registry+"):
            fail(f"{path}: {package['name']} comes from {source}, expected a registry")
        crates.append((f"{package['name']}-{package['version']}", package["checksum"]))
    return sorted(crates)


def cached(crate):
    home = os.environ.get("CARGO_HOME") or os.path.expanduser("~/.cargo")
    found = glob.glob(f"{glob.escape(home)}/registry/cache/*/{glob.escape(crate)}.crate")
    return Path(found[0]) if found else None


def size(crate, sha256):
    path = cached(crate)
    if path is None:
        fail(f"{crate}.crate: not in cargo's cache (cargo fetch --locked)")
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != sha256:
        fail(f"{path}: its sum is not that in Cargo.lock")
    return len(data)


def read(path):
    return path.read_text() if path.exists() else ""


def main():
    parser = argparse.ArgumentParser(description="Cargo.lock to the port's list of crates")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--distfile", type=Path)
    parser.add_argument("--lock", type=Path, default=ROOT / "Cargo.lock")
    parser.add_argument("--port", type=Path, default=HERE / "net" / "bblog")
    args = parser.parse_args()
    if not args.port.is_dir():
        fail(f"{args.port}: no such folder, expected the port")

    crates = locked(args.lock)
    if not args.check and any(cached(crate) is None for crate, _ in crates):
        subprocess.run(["cargo", "fetch", "--locked", "--manifest-path", args.lock.parent / "Cargo.toml"], check=True)

    list_path, distinfo_path = args.port / "Makefile.crates", args.port / "distinfo"
    names = " \\\n\t\t".join(crate for crate, _ in crates)
    makefile = f"CARGO_CRATES=\t{names}\n"

    old = read(distinfo_path)
    lines = []
    if args.distfile:
        data = args.distfile.read_bytes() if args.distfile.is_file() else fail(f"{args.distfile}: no such file")
        name = args.distfile.name
        lines += [f"SHA256 ({name}) = {hashlib.sha256(data).hexdigest()}", f"SIZE ({name}) = {len(data)}"]
    else:
        lines += [line for line in old.splitlines() if re.match(r"(SHA256|SIZE) \([^/]*\) ", line)]
    # A check needs no cache: sizes are compared where the crate is there.
    known = dict(re.findall(r"^SIZE \(rust/crates/(.*)\.crate\) = (\d+)$", old, re.M)) if args.check else {}
    for crate, sha256 in crates:
        length = known[crate] if crate in known and cached(crate) is None else size(crate, sha256)
        lines.append(f"SHA256 (rust/crates/{crate}.crate) = {sha256}")
        lines.append(f"SIZE (rust/crates/{crate}.crate) = {length}")
    body = "\n".join(lines) + "\n"

    stale = [list_path] if read(list_path) != makefile else []
    if old.partition("\n")[2] != body:
        stale.append(distinfo_path)
    if args.check:
        if stale:
            fail(f"{', '.join(path.name for path in stale)}: not as Cargo.lock says (make port-crates)")
    else:
        if list_path in stale:
            list_path.write_text(makefile)
        if distinfo_path in stale:
            distinfo_path.write_text(f"TIMESTAMP = {int(time.time())}\n{body}")
    print(f"{len(crates)} crates, {'as' if args.check else 'written from'} Cargo.lock")


main()
