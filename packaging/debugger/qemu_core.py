# SPDX-License-Identifier: BSD-2-Clause
"""Mends the program headers of a memory dump that QEMU wrote: see README.md.

    python3 qemu_core.py [--no-notes] VMCORE

QEMU (dump-guest-memory -p) writes one program header for a run of pages that follow each other both
in virtual and in physical memory. Of a run that goes beyond a block of the machine's memory, such as
the first 640 KB of a PC, the header covers the part in the first block only (p_filesz is less than
p_memsz). The rest of the run is in the file, but no header has its virtual address. Debuggers take
it for zeros, or read the program's file instead. The physical addresses (p_paddr) of the other
headers say where in the file it is.

QEMU's notes hold the registers of each CPU in the form of Linux. lldb refuses them in the core of a
FreeBSD program, but reads a core without notes: --no-notes takes them out of the table.

The memory in the file stays as it is. A new table of program headers is appended, and the ELF header
then points to it.
"""

import argparse
import bisect
import os
import struct
import sys
from typing import NamedTuple

HEADER_SIZE = 64  # Elf64_Ehdr
SEGMENT_SIZE = 56  # Elf64_Phdr
SECTION_SIZE = 64  # Elf64_Shdr
SH_INFO = 44  # Offset of sh_info in a section's header.
ET_CORE = 4
PT_NULL = 0
PT_LOAD = 1
PT_NOTE = 4
# e_phnum if there are more; then the first section's sh_info has the number.
PN_XNUM = 0xFFFF

# Far above what QEMU writes.
MAX_SEGMENTS = 1_000_000


class CoreError(Exception):
    """The file is not what it should be."""


class Segment(NamedTuple):
    """A program header, in the order of Elf64_Phdr."""

    kind: int
    flags: int
    offset: int
    virtual: int
    physical: int
    file_size: int
    memory_size: int
    alignment: int

    @property
    def is_cut(self):
        return self.kind == PT_LOAD and self.file_size < self.memory_size


class Core:
    """The headers of an ELF core of a 64-bit machine."""

    def __init__(self, file):
        self._file = file
        self.size = os.fstat(file.fileno()).st_size
        header = self._read(0, HEADER_SIZE, "ELF header")
        if header[:4] != b"\x7fELF":
            raise CoreError("offset 0: no ELF header")
        if header[4] != 2 or header[5] not in (1, 2):
            raise CoreError(f"offset 4: ELF class {header[4]}, data {header[5]}, expected 2 and 1 or 2")
        self._order = "<" if header[5] == 1 else ">"
        (kind,) = self._unpack("H", header, 16)
        if kind != ET_CORE:
            raise CoreError(f"offset 16: ELF type {kind}, expected {ET_CORE}, a core")
        table, self._sections = self._unpack("QQ", header, 32)
        size, count = self._unpack("HH", header, 54)
        if size != SEGMENT_SIZE:
            raise CoreError(f"offset 54: program headers of {size} bytes, expected {SEGMENT_SIZE}")
        if count == PN_XNUM:
            section = self._read(self._sections, SECTION_SIZE, "first section's header")
            (count,) = self._unpack("I", section, SH_INFO)
        if count > MAX_SEGMENTS:
            raise CoreError(f"{count} program headers, expected at most {MAX_SEGMENTS}")
        data = self._read(table, count * SEGMENT_SIZE, "program headers")
        self.segments = [Segment(*fields) for fields in struct.iter_unpack(self._order + "IIQQQQQQ", data)]

    def _unpack(self, members, data, offset):
        return struct.unpack_from(self._order + members, data, offset)

    def _read(self, offset, size, what):
        if offset + size > self.size:
            raise CoreError(f"offset {offset}: {what}, {size} bytes, is beyond the file's end at {self.size}")
        self._file.seek(offset)
        data = self._file.read(size)
        if len(data) != size:
            raise CoreError(f"offset {offset}: {what}: {len(data)} bytes read, expected {size}")
        return data

    def replace_segments(self, segments):
        """Appends these program headers; the last write makes them count."""
        if len(segments) >= PN_XNUM and not self._sections:
            raise CoreError(f"{len(segments)} program headers are needed, but there is no section to hold the number")
        table = -(-self.size // 8) * 8
        data = b"".join(struct.pack(self._order + "IIQQQQQQ", *segment) for segment in segments)
        self._write(self.size, b"\0" * (table - self.size) + data)
        count = len(segments)
        if count >= PN_XNUM:
            self._write(self._sections + SH_INFO, struct.pack(self._order + "I", count))
            count = PN_XNUM
        header = bytearray(self._read(0, HEADER_SIZE, "ELF header"))
        struct.pack_into(self._order + "Q", header, 32, table)
        struct.pack_into(self._order + "H", header, 56, count)
        self._write(0, bytes(header))

    def _write(self, offset, data):
        self._file.seek(offset)
        self._file.write(data)
        self._file.flush()
        os.fsync(self._file.fileno())
        self.size = max(self.size, offset + len(data))


class PhysicalMemory:
    """Where in the file each physical address is: disjoint ranges in the order of addresses."""

    def __init__(self, core):
        ranges = []
        for segment in core.segments:
            size = min(segment.file_size, core.size - segment.offset)
            if segment.kind == PT_LOAD and size > 0:
                ranges.append((segment.physical, segment.physical + size, segment.offset))
        self._starts, self._ranges = [], []
        covered = 0
        for start, end, offset in sorted(ranges, key=lambda found: (found[0], -found[1])):
            first = max(start, covered)
            if first < end:
                self._starts.append(first)
                self._ranges.append((first, end, offset + first - start))
                covered = end

    def pieces(self, start, end):
        """(physical address, size, offset in the file) of what the file has of this range."""
        index = max(bisect.bisect_right(self._starts, start) - 1, 0)
        while index < len(self._ranges) and self._ranges[index][0] < end:
            first, last, offset = self._ranges[index]
            low, high = max(first, start), min(last, end)
            if low < high:
                yield low, high - low, offset + low - first
            index += 1


def mended(core):
    """The program headers with those that are cut made whole, and how many bytes are in no header."""
    memory = PhysicalMemory(core)
    segments, missing = [], 0
    for segment in core.segments:
        if not segment.is_cut:
            segments.append(segment)
            continue
        # What is not in the file must not read as zeros.
        segments.append(segment._replace(memory_size=segment.file_size))
        missing += segment.memory_size - segment.file_size
        start, end = segment.physical + segment.file_size, segment.physical + segment.memory_size
        for physical, size, offset in memory.pieces(start, end):
            virtual = segment.virtual + physical - segment.physical
            segments.append(segment._replace(
                offset=offset, virtual=virtual, physical=physical, file_size=size, memory_size=size
            ))
            missing -= size
            if len(segments) > MAX_SEGMENTS:
                raise CoreError(f"more than {MAX_SEGMENTS} program headers are needed")
    return segments, missing


def mend(path, without_notes):
    """Mends the file, and returns what was done, in words."""
    with open(path, "r+b") as file:
        core = Core(file)
        before = len(core.segments)
        cut = sum(segment.is_cut for segment in core.segments)
        notes = sum(segment.kind == PT_NOTE for segment in core.segments) if without_notes else 0
        if not cut and not notes:
            return f"nothing to mend, none of {before} program headers is cut"
        segments, missing = mended(core)
        if without_notes:
            segments = [
                segment._replace(kind=PT_NULL) if segment.kind == PT_NOTE else segment for segment in segments
            ]
        core.replace_segments(segments)
    done = [f"{cut} of {before} program headers {'was' if cut == 1 else 'were'} cut"]
    if cut:
        done.append(f"mended with {len(segments) - before} more; {missing} bytes are not in the file")
    if notes:
        done.append("the notes are taken out")
    return "; ".join(done)


def main(arguments):
    parser = argparse.ArgumentParser(
        prog="qemu_core.py", description="Mends the program headers of a memory dump that QEMU wrote."
    )
    parser.add_argument("core", metavar="VMCORE", help="the dump; it is changed")
    parser.add_argument("--no-notes", action="store_true", help="take the notes out, for lldb")
    given = parser.parse_args(arguments)
    try:
        print(f"{given.core}: {mend(given.core, given.no_notes)}")
    except OSError as error:
        print(f"qemu_core.py: {given.core}: {error.strerror}", file=sys.stderr)
        return 1
    except CoreError as error:
        print(f"qemu_core.py: {given.core}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
