#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Reads a FreeBSD package back with bsdtar and checks that it is what pkg(8) expects.

usage: check-pkg.py FILE.pkg...
"""

import hashlib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

BASE = r"lib(c\.so\.7|thr\.so\.3|m\.so\.5|gcc_s\.so\.1|util\.so\.(9|10)|rt\.so\.1|sys\.so\.7|lzma\.so\.5|z\.so\.6|kvm\.so\.7|memstat\.so\.3|procstat\.so\.1|devstat\.so\.7|execinfo\.so\.1)"
WIRESHARK = r"lib(wireshark|wsutil|wiretap|glib-2)[.-].*"
FOLDERS = r"(bin|sbin|etc/rc\.d|etc/newsyslog\.conf\.d|lib/wireshark|libexec/wireshark|share/(man/man[178]|bash-completion|zsh|fish|wireshark|bblog|licenses|doc/bblog))/"
# Name size 8, descriptor size 4, type 1 (NT_FREEBSD_ABI_TAG), name.
NOTE = bytes.fromhex("08000000 04000000 01000000") + b"FreeBSD\0"
KEYS = "name origin version comment maintainer www abi arch prefix flatsize licenselogic licenses desc categories".split()


def fail(message):
    sys.exit(f"check-pkg: {message}")


def bsdtar(*arguments):
    try:
        return subprocess.run(["bsdtar", *arguments], capture_output=True, check=True).stdout
    except FileNotFoundError:
        fail("bsdtar: not found, expected the package libarchive-tools")
    except subprocess.CalledProcessError as error:
        fail(f"bsdtar: {error.stderr.decode(errors='replace').strip()}")


def manifest(package, name):
    try:
        return json.loads(bsdtar("-xOf", package, name))
    except ValueError as error:
        fail(f"{package}: {name}: {error}")


def expect(truth, package, message):
    if not truth:
        fail(f"{package}: {message}")


def check(package):
    names = bsdtar("-tf", package).decode().splitlines()
    expect(names[:2] == ["+COMPACT_MANIFEST", "+MANIFEST"], package, f"begins with {names[:2]}, expected its manifests")
    small, full = manifest(package, "+COMPACT_MANIFEST"), manifest(package, "+MANIFEST")
    for key in KEYS:
        expect(small.get(key), package, f"+COMPACT_MANIFEST: no {key}")
    for key, value in small.items():
        expect(full.get(key) == value, package, f"{key} differs between the manifests")
    expect("files" not in small and "scripts" not in small, package, "+COMPACT_MANIFEST: has files or scripts")
    expect(re.fullmatch(r"FreeBSD:1[4-9]:(amd64|aarch64)", small["abi"]), package, f"abi {small['abi']}")
    expect(re.fullmatch(r"[0-9]+(\.[0-9]+)*(_[0-9]+)?", small["version"]), package, f"version {small['version']}")
    expect(not small["comment"].endswith("."), package, "comment ends with a period")
    expect("%%" not in json.dumps(full), package, "a %%NAME%% was not replaced")
    files = full["files"]
    expect(list(files) == names[2:], package, "the manifest's files are not the archive's, in its order")
    expect(files, package, "no files")

    with tempfile.TemporaryDirectory() as folder:
        # bsdtar takes leading slashes off, so that nothing lands outside.
        bsdtar("-xf", package, "-C", folder)
        total, needed = 0, set()
        for name, entry in files.items():
            data = (Path(folder) / name.lstrip("/")).read_bytes()
            total += len(data)
            digest = f"1${hashlib.sha256(data).hexdigest()}"
            expect(entry["sum"] == digest, package, f"{name}: its sum is {digest}, the manifest says {entry['sum']}")
            inside = name.removeprefix(small["prefix"] + "/")
            expect(name != inside and re.match(FOLDERS, inside), package, f"{name}: not a folder of hier(7) for packages")
            expect((entry["uname"], entry["gname"]) == ("root", "wheel"), package, f"{name}: not root's")
            executable = re.match(r"(bin|sbin|etc/rc\.d|lib(exec)?/wireshark/extcap)/", inside)
            expect(bool(int(entry["perm"], 8) & 0o111) == bool(executable), package, f"{name}: mode {entry['perm']}")
            expect(int(entry["perm"], 8) & 0o022 == 0, package, f"{name}: others can write it")
            if data[:4] == b"\x7fELF":
                # FreeBSD's loader goes by EI_OSABI 9, or by the ABI note that its start files bring.
                # Machine 62 is x86-64, 183 aarch64.
                machine = {"amd64": 62, "aarch64": 183}[small["abi"].split(":")[2]]
                expect(data[7] == 9 or NOTE in data, package, f"{name}: EI_OSABI {data[7]} and no ABI note, expected FreeBSD's")
                expect(int.from_bytes(data[18:20], "little") == machine, package, f"{name}: for another machine than the package")
                text = subprocess.run(["readelf", "-dW", Path(folder) / name.lstrip("/")], capture_output=True, text=True, check=True).stdout
                needed |= set(re.findall(r"\(NEEDED\).*\[(.*)\]", text))
    expect(total == small["flatsize"], package, f"flatsize {small['flatsize']}, the files have {total} bytes")
    expect(sorted(needed) == small.get("shlibs_required", []), package, f"shlibs_required {small.get('shlibs_required')}, the files need {sorted(needed)}")
    foreign = [one for one in needed if not re.fullmatch(BASE, one)]
    if "deps" in small:
        foreign = [one for one in foreign if not re.fullmatch(WIRESHARK, one)]
    expect(not foreign, package, f"needs {', '.join(foreign)}, which neither the base system nor a dependency has")
    print(f"{Path(package).name}: {len(files)} files, {total} bytes, {small['abi']}, needs {' '.join(sorted(needed)) or 'nothing'}")


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        fail("usage: check-pkg.py FILE.pkg...")
    for package in sys.argv[1:]:
        if not Path(package).is_file():
            fail(f"{package}: no such file")
        check(package)


main()
