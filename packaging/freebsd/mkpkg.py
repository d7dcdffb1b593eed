#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes a FreeBSD package (.pkg) from a staged tree, without any FreeBSD tool.

usage: mkpkg.py --port DIR --flavor NAME --stage DIR --arch ARCH --out DIR [--depends NAME=ORIGIN=VERSION]

What is packed is what the packing list says; name, version, comment and so on come from the
port's Makefile by bmake. For tests, and for trying a build before there is a port: packages for
users come from ports and pkg-create(8).
"""

import argparse
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ARCHS = {"x86_64": "amd64", "aarch64": "aarch64"}
OS_MAJOR = 14


def fail(message):
    sys.exit(f"mkpkg: {message}")


def run(command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        fail(f"{command[0]}: not found")
    except subprocess.CalledProcessError as error:
        fail(f"{command[0]}: {error.stderr.strip() or error.stdout.strip()}")


class Port:
    """The port's Makefile, asked by bmake."""

    def __init__(self, folder, flavor):
        self.bmake = ["bmake", "-C", str(folder), "-m", str(HERE / "tests" / "mk"), f"FLAVOR={flavor}"]
        self.flavor = flavor
        self.folder = folder

    def variable(self, name):
        return run([*self.bmake, "-V", f"${{{name}}}"]).strip()

    def plist(self):
        return run([*self.bmake, "plist"]).split("\n")[:-1]

    def message(self, prefix):
        """The install message of pkg-message, a fragment of UCL with one heredoc."""
        if "pkg-message" not in self.variable("SUB_FILES").split():
            return None
        text = (self.folder / "files" / "pkg-message.in").read_text().replace("%%PREFIX%%", prefix)
        found = re.search(r"<<EOM\n(.*?)\nEOM", text, re.S)
        return found.group(1) if found else fail("pkg-message.in: no text between <<EOM and EOM")


def shared_libraries(path):
    text = run(["readelf", "-dW", str(path)])
    return set(re.findall(r"\(NEEDED\).*\[(.*)\]", text)), set(re.findall(r"\(SONAME\).*\[(.*)\]", text))


def add(archive, name, data, mode, mtime):
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = len(data), mode, mtime
    entry.uname, entry.gname = "root", "wheel"
    archive.addfile(entry, io.BytesIO(data))


def main():
    parser = argparse.ArgumentParser(description="Writes a FreeBSD package from a staged tree")
    parser.add_argument("--port", type=Path, required=True)
    parser.add_argument("--flavor", required=True)
    parser.add_argument("--stage", type=Path, required=True)
    parser.add_argument("--arch", choices=ARCHS, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--depends", action="append", default=[])
    args = parser.parse_args()
    port = Port(args.port, args.flavor)
    prefix = port.variable("PREFIX")
    mtime = int(os.environ.get("SOURCE_DATE_EPOCH", "1"))

    files, flat, samples, needed, provided = {}, 0, [], set(), set()
    for line in port.plist():
        keyword, _, name = line.rpartition(" ")
        if keyword not in ("", "@sample"):
            fail(f"packing list: {keyword}: not known, expected @sample or a path")
        path = args.stage / prefix.lstrip("/") / name
        if not path.is_file():
            fail(f"{path}: no such file, but it is in the packing list")
        data = path.read_bytes()
        flat += len(data)
        files[f"{prefix}/{name}"] = (data, path.stat().st_mode & 0o777)
        if keyword == "@sample":
            samples.append(f"{prefix}/{name}")
        if data[:4] == b"\x7fELF":
            more_needed, more_provided = shared_libraries(path)
            needed |= more_needed
            provided |= more_provided

    license_ = port.variable("LICENSE")
    manifest = {
        "name": port.variable("PKGBASE"),
        "origin": f"{port.variable('CATEGORIES').split()[0]}/{port.variable('PORTNAME')}",
        "version": port.variable("DISTVERSION"),
        "comment": port.variable("COMMENT"),
        "maintainer": port.variable("MAINTAINER"),
        "www": port.variable("WWW"),
        "abi": f"FreeBSD:{OS_MAJOR}:{ARCHS[args.arch]}",
        "arch": f"freebsd:{OS_MAJOR}:{'x86:64' if args.arch == 'x86_64' else 'aarch64:64'}",
        "prefix": prefix,
        "flatsize": flat,
        "licenselogic": "single",
        "licenses": [license_],
        "desc": Path(port.variable("DESCR")).read_text().rstrip("\n"),
        "categories": port.variable("CATEGORIES").split(),
        "annotations": {"flavor": args.flavor},
    }
    if needed:
        manifest["shlibs_required"] = sorted(needed)
    if provided:
        manifest["shlibs_provided"] = sorted(provided)
    depends = {}
    for word in args.depends:
        name, origin, version = (word.split("=") + ["", ""])[:3]
        depends[name] = {"origin": origin, "version": version}
    if depends:
        manifest["deps"] = depends
    message = port.message(prefix)
    if message:
        manifest["messages"] = [{"message": message, "type": "install"}]
    full = dict(manifest)
    # What @sample means: a copy for the administrator, removed with the package if unchanged.
    if samples:
        copy, drop = [], []
        for sample in samples:
            target = sample.removesuffix(".sample")
            copy.append(f'[ -e "{target}" ] || cp -p "{sample}" "{target}"')
            drop.append(f'! cmp -s "{sample}" "{target}" || rm -f "{target}"')
        full["scripts"] = {"post-install": "\n".join(copy), "pre-deinstall": "\n".join(drop)}
    full["files"] = {
        name: {
            "sum": f"1${hashlib.sha256(data).hexdigest()}",
            "uname": "root",
            "gname": "wheel",
            "perm": f"{mode:04o}",
            "mtime": mtime,
        }
        for name, (data, mode) in files.items()
    }

    args.out.mkdir(parents=True, exist_ok=True)
    out = args.out / f"{manifest['name']}-{manifest['version']}-{args.arch}.pkg"
    compact = lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    with tarfile.open(out, "w:xz", format=tarfile.PAX_FORMAT, preset=1) as archive:
        add(archive, "+COMPACT_MANIFEST", compact(manifest), 0o644, 0)
        add(archive, "+MANIFEST", compact(full), 0o644, 0)
        for name, (data, mode) in files.items():
            add(archive, name, data, mode, mtime)
    print(out)


main()
