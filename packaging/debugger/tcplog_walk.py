# SPDX-License-Identifier: BSD-2-Clause
"""Finds the BBLog records of TCP connections in a kernel's memory and writes them out.

This is what tcplog_gdb.py and tcplog_lldb.py share. It knows FreeBSD's structures by their names
and asks the debugger where their members are, so that it fits whatever kernel is looked at. What
it needs of the debugger is small (a "target"):

    byte_order              "little" or "big"
    read(address, size)     the bytes there; raises Unreadable
    symbol(name)            the address of a variable, or None
    struct(name)            the structure of that name, or None
    size_of(type)           its size in bytes
    fields_of(type)         [(name, offset, type)]; the name is empty for an anonymous member
    is_pointer(type)

Memory of a crashed kernel can be broken anywhere. Every walk over a list is therefore bounded, each
fault is reported in one line, and whatever can be read is still written.
"""

import argparse
import ipaddress
import os
import struct
from typing import NamedTuple

# The device's stream (tcp_log_dev.h, tcp_log_buf.h): fixed by the format, not by the kernel.
VERSION = 9
TYPE_BBR = 1
HEADER_SIZE = 208
ENDPOINTS_SIZE = 40
BUFFER_SIZE = 328
VERBOSE_SIZE = 72
ID_SIZE = 64
REASON_SIZE = 32
TAG_SIZE = 32
UNSET = b"UNKNOWN"
EVENTFLAG_HDR = 0x0004
EVENTFLAG_VERBOSE = 0x0008

AF_INET = 2
AF_INET6 = 28
INC_ISIPV6 = 0x01
# Up to FreeBSD 13: inp_ppcb is no tcpcb then.
INP_TIMEWAIT = 0x01000000
# Up to FreeBSD 13.1, and from 13.2.
VNET_MAGICS = (0x3E0D8F29, 0x5E4A6F28)

# Ends of walks, far above what a kernel holds.
MAX_CONNECTIONS = 16_000_000
MAX_RECORDS = 1_000_000
MAX_ENTRY = HEADER_SIZE + MAX_RECORDS * (BUFFER_SIZE + VERBOSE_SIZE)
MAX_STACKS = 256
MAX_VNETS = 65_536
MAX_BUCKETS = 1 << 24


class Unreadable(Exception):
    """Memory that the debugger cannot read."""


class DumpError(Exception):
    """The command as a whole failed, or part of it did."""


class UnknownStructure(DumpError):
    """The kernel has no structure or member of this name."""


class Usage(Exception):
    """Help was asked for; the text of it."""


class Layout:
    """Where the members of a structure are; each is asked for once."""

    def __init__(self, target, name):
        self.name = name
        self._target = target
        self._type = target.struct(name)
        if self._type is None:
            raise UnknownStructure(
                f"struct {name}: not found, expected a kernel with debug information"
                " and the option TCP_BLACKBOX"
            )
        self.size = target.size_of(self._type)
        self._members = {}

    def find(self, path):
        """(offset, size, is a pointer) of `a.b.c`, or None."""
        if path not in self._members:
            offset, at = 0, self._type
            for name in path.split("."):
                step = self._step(at, name)
                if step is None:
                    self._members[path] = None
                    return None
                offset, at = offset + step[0], step[1]
            self._members[path] = (offset, self._target.size_of(at), self._target.is_pointer(at))
        return self._members[path]

    def member(self, path):
        """As `find`, of a member that must be there."""
        found = self.find(path)
        if found is None:
            raise UnknownStructure(f"struct {self.name}: has no member {path}; this kernel is not known")
        return found

    def one_of(self, *paths):
        """The first of these paths that exists: what differs between FreeBSD versions."""
        for path in paths:
            if self.find(path) is not None:
                return path
        raise UnknownStructure(f"struct {self.name}: has none of the members {', '.join(paths)}")

    def _step(self, at, name):
        for field, offset, kind in self._target.fields_of(at):
            if field == name:
                return offset, kind
            if not field:
                inner = self._step(kind, name)
                if inner is not None:
                    return offset + inner[0], inner[1]
        return None


class Instance:
    """A structure in memory, read as a whole: one look at the target instead of many."""

    def __init__(self, target, layout, address):
        self.address = address
        self._order = target.byte_order
        self._layout = layout
        self._bytes = target.read(address, layout.size)

    def bytes(self, path):
        offset, size, _ = self._layout.member(path)
        end = offset + size
        return self._bytes[offset:end]

    def int(self, path):
        return int.from_bytes(self.bytes(path), self._order)

    def text(self, path):
        """A character array up to its NUL."""
        return self.bytes(path).split(b"\0", 1)[0]

    def address_of(self, path):
        return self.address + self._layout.member(path)[0]


class Walk:
    """A walk over a linked list, which ends where the list does or is found broken.

    `link` names the member that points to the next element, and `head` is the address of the
    pointer to the first if it matters. After the walk `count` is the number of elements, and
    `problem` says in words where the list is broken, or is None.
    """

    def __init__(self, target, layout, first, link, limit, head=None):
        self._target = target
        self._layout = layout
        self._first = first
        self._link = link
        self._limit = limit
        self._links = (None, head)
        self.count = 0
        self.problem = None

    def __iter__(self):
        alignment = self._layout.member(self._link)[1]
        seen = set()
        address = self._first
        while address:
            problem = None
            if address in seen:
                problem = "comes again, the list runs in a circle"
            elif len(seen) >= self._limit:
                problem = f"is number {self._limit + 1}, which is too many to be true"
            elif address % alignment:
                problem = "is not an aligned address"
            else:
                try:
                    element = Instance(self._target, self._layout, address)
                except Unreadable as error:
                    problem = str(error)
            if problem is not None:
                after = f"after {len(seen)}" if seen else "at its start"
                self.problem = f"{self._layout.name} {address:#x}, {after}: {problem}"
                return
            seen.add(address)
            self.count = len(seen)
            self._links = (self._links[1], element.address_of(self._link))
            yield element
            address = element.int(self._link)

    def ends_at(self, tail):
        """Whether the tail pointer of the list's head agrees with its end.

        A kernel that stopped while it appended has its tail pointer one element behind.
        """
        return tail in self._links


class Log(NamedTuple):
    """Where the records of one log are, and what goes into its header."""

    address: int  # Of the structure that holds the log; it names the file.
    family: int
    endpoints: bytes
    identifier: bytes
    tag: bytes
    reason: bytes
    first: int  # The first record.
    tail: int  # The tail pointer of the list of records.
    expected: int  # How many records the kernel counted.
    note: str = ""  # For the user: where the log was found.


class Dump:
    """One run of the command."""

    def __init__(self, target, directory, reason, say, complain):
        self._target = target
        self._directory = directory
        self._reason = reason
        self._say = say
        self._complain = complain
        self._layouts = {}
        self._stacks = {}
        self._seen = set()
        self.files = 0
        self.records = 0
        self.faults = 0

        self._check_format()
        self._boot_time = self._find_boot_time()
        self._find_stacks()

    # What the kernel is like.

    def _layout(self, name):
        if name not in self._layouts:
            self._layouts[name] = Layout(self._target, name)
        return self._layouts[name]

    def _instance(self, name, address):
        return Instance(self._target, self._layout(name), address)

    def _number(self, address, size):
        return int.from_bytes(self._target.read(address, size), self._target.byte_order)

    def _check_format(self):
        """A kernel with other records must not be written as if they were these."""
        for name, size in (
            ("tcp_log_buffer", BUFFER_SIZE),
            ("tcp_log_verbose", VERBOSE_SIZE),
            ("in_endpoints", ENDPOINTS_SIZE),
        ):
            found = self._layout(name).size
            if found != size:
                raise DumpError(f"struct {name}: has {found} bytes, expected {size}; this BBLog is not known")
        address = self._target.symbol("tcp_log_version")
        if address is not None:
            try:
                version = self._number(address, 4)
            except Unreadable:
                return
            if version != VERSION:
                raise DumpError(f"tcp_log_version: is {version}, expected {VERSION}")

    def _find_boot_time(self):
        """Seconds and microseconds to add to a record's time, as the device gives them."""
        found = self._read_boot_time()
        if found is not None and found[0] == 0:
            # What is 0 in the kernel's file is set before TCP is there.
            self._fault(
                "boot time: it is 0; the debugger shows the kernel's file, or zeros, and not the memory:"
                " see Requirements in README.md"
            )
        return found or (0, 0)

    def _read_boot_time(self):
        """The boot time, or None, which is reported."""
        try:
            address = self._target.symbol("timehands")
            if address is not None:
                size = self._layout("tcpcb").member("t_fb")[1]
                hands = self._instance("timehands", self._number(address, size))
                return self._from_bintime(hands.bytes("th_boottime"))
            # Before there were timehands with a boot time in them (FreeBSD 11.2).
            address = self._target.symbol("boottimebin")
            if address is not None:
                return self._from_bintime(self._target.read(address, 16))
            address = self._target.symbol("boottime")
            if address is not None:
                return struct.unpack(self._format("qq"), self._target.read(address, 16))
        except (Unreadable, UnknownStructure) as error:
            self._fault(f"boot time: {error}; the times will count from the boot")
            return None
        self._fault("boot time: no timehands, boottimebin or boottime; the times will count from the boot")
        return None

    def _from_bintime(self, data):
        seconds, fraction = struct.unpack(self._format("qQ"), data)
        return seconds, ((fraction >> 32) * 1_000_000) >> 32

    def _format(self, members):
        return ("<" if self._target.byte_order == "little" else ">") + members

    def _find_stacks(self):
        head = self._target.symbol("t_functions")
        if head is None:
            self._fault("stack names: no t_functions; pass --stack to bblog by hand")
            return
        try:
            size = self._layout("tcpcb").member("t_fb")[1]
            # tqh_first; the head is a pointer to the first and one to the last.
            first = self._number(head, size)
            functions = self._list(first, "tcp_function", "tf_next.tqe_next", MAX_STACKS, "stack names")
            for function in functions:
                self._note_stack(function.int("tf_fb"))
        except (Unreadable, UnknownStructure) as error:
            self._fault(f"stack names: {error}")

    def _note_stack(self, address):
        block = self._instance("tcp_function_block", address)
        name = block.text("tfb_tcp_block_name").decode("ascii", "replace")
        # It becomes part of a command line.
        if name and all(c.isascii() and (c.isalnum() or c in "_-.") for c in name):
            self._stacks.setdefault(block.int("tfb_id"), name)

    def stack_option(self):
        """The names as bblog takes them, or an empty string: a stream has no place for them."""
        return ",".join(f"{number}={name}" for number, name in sorted(self._stacks.items()))

    # Walks.

    def _fault(self, text):
        self.faults += 1
        self._complain(text)

    def _notice(self, text):
        """Something that a user should see, but that is no fault."""
        self._complain(f"note: {text}")

    def _walk(self, first, name, link, limit, head=None):
        return Walk(self._target, self._layout(name), first, link, limit, head)

    def _list(self, first, name, link, limit, what):
        """Yields the elements of a list and reports where it is broken."""
        walk = self._walk(first, name, link, limit)
        yield from walk
        if walk.problem is not None:
            self._fault(f"{what}: {walk.problem}")

    def _tail_queue(self, head, name, link, what):
        """As `_list`, of an STAILQ whose head is at this address; reports an early end as well."""
        size = self._layout(name).member(link)[1]
        walk = self._walk(self._number(head, size), name, link, MAX_CONNECTIONS, head)
        yield from walk
        if walk.problem is not None:
            self._fault(f"{what}: {walk.problem}")
        elif not walk.ends_at(self._number(head + size, size)):
            self._fault(
                f"{what}: the list ends after {walk.count}, but its tail pointer is elsewhere;"
                " it is torn, or the kernel stopped while it removed the last"
            )

    def all_connections(self):
        for address, where in self._tables():
            try:
                self._table(address, where)
            except Unreadable as error:
                self._fault(f"{where}: {error}")
        self._closed_connections()
        self._device_queue(None)

    def _tables(self):
        """[(address of a struct inpcbinfo, its name)]: one, or one for each VNET."""
        address = self._target.symbol("tcbinfo")
        if address is not None:
            return [(address, "tcbinfo")]
        master = self._target.symbol("vnet_entry_tcbinfo")
        head = self._target.symbol("vnet_head")
        if master is None or head is None:
            raise DumpError("tcbinfo: not found, expected a FreeBSD kernel with debug information")
        tables = []
        try:
            first = self._number(head, self._layout("vnet").member("vnet_le.le_next")[1])
        except Unreadable as error:
            self._fault(f"vnet_head: {error}; no open connection is found")
            return []
        if not first:
            # A kernel with VIMAGE has one at least.
            self._fault("vnet_head: the list is empty; no open connection is found")
        for vnet in self._list(first, "vnet", "vnet_le.le_next", MAX_VNETS, "VNETs"):
            magic = vnet.int("vnet_magic_n")
            if magic not in VNET_MAGICS:
                known = " or ".join(f"{known:#x}" for known in VNET_MAGICS)
                self._fault(
                    f"vnet {vnet.address:#x}: magic number {magic:#x}, expected {known}; read all the same"
                )
            # The base is such that a wrapping sum with the master copy's address hits this copy.
            base = vnet.int("vnet_data_base")
            bits = 8 * self._layout("vnet").member("vnet_data_base")[1]
            tables.append(((base + master) % (1 << bits), f"vnet {vnet.address:#x}"))
        return tables

    def _table(self, address, where):
        layout = self._layout("inpcbinfo")
        info = self._instance("inpcbinfo", address)
        link = self._layout("inpcb").one_of("inp_list.cle_next", "inp_list.le_next")
        # FreeBSD 13 has a pointer to the head here, 14 the head itself. Either way the head is
        # nothing but a pointer to the first.
        first = info.int("ipi_listhead")
        if layout.member("ipi_listhead")[2]:
            first = self._number(first, layout.member("ipi_listhead")[1])
        walk = self._walk(first, "inpcb", link, MAX_CONNECTIONS)
        for inpcb in walk:
            self._inpcb(inpcb)
        what = f"{where}: connections"
        counted = info.int("ipi_count")
        if walk.problem is not None:
            self._fault(f"{what}: {walk.problem}")
        elif walk.count == counted:
            return
        # The rest of a torn list can still be found by address and port.
        found = self._hashed(info, where)
        if walk.problem is None and found == 0 and abs(walk.count - counted) == 1:
            self._notice(
                f"{what}: {walk.count} on the list, but the kernel counted {counted};"
                " it stopped while it added or removed one"
            )
            return
        numbers = f"{walk.count} on the list, {found} more in the hash tables, the kernel counted {counted}"
        if walk.problem is None:
            self._fault(f"{what}: {numbers}")
        else:
            self._notice(f"{what}: {numbers}")

    def _hashed(self, info, where):
        """Writes the logs of connections in the hash tables; returns how many are not on the list."""
        known = len(self._seen)
        layout, inpcb = self._layout("inpcbinfo"), self._layout("inpcb")
        pointer = layout.member("ipi_hashmask")[1]
        count = info.int("ipi_hashmask") + 1
        if count > MAX_BUCKETS:
            self._fault(f"{where}: the hash table's size is {count}, which cannot be; not searched")
            return 0
        for table, entry in (
            ("ipi_hashbase", "inp_hash"),
            ("ipi_hash_exact", "inp_hash_exact"),
            ("ipi_hash_wild", "inp_hash_wild"),
        ):
            if layout.find(table) is None or inpcb.find(entry) is None:
                continue
            link = inpcb.one_of(f"{entry}.cle_next", f"{entry}.le_next")
            what = f"{where}: {table}"
            try:
                heads = self._target.read(info.int(table), count * pointer)
            except Unreadable as error:
                self._fault(f"{what}: {error}")
                continue
            for bucket in range(count):
                start, end = bucket * pointer, (bucket + 1) * pointer
                first = int.from_bytes(heads[start:end], self._target.byte_order)
                for found in self._list(first, "inpcb", link, MAX_CONNECTIONS, what):
                    self._inpcb(found)
        return len(self._seen) - known

    def _inpcb(self, inpcb):
        """Writes the log of a connection that was found by its inpcb."""
        if inpcb.address in self._seen:
            return
        self._seen.add(inpcb.address)
        offset, _, is_pointer = self._layout("tcpcb").member("t_inpcb")
        if is_pointer:
            if inpcb.int("inp_flags") & INP_TIMEWAIT or not inpcb.int("inp_ppcb"):
                return
            address = inpcb.int("inp_ppcb")
        else:
            address = inpcb.address - offset
        self._guarded(address, lambda: self._connection(inpcb, self._instance("tcpcb", address)))

    def one_connection(self, address):
        """Writes the log of the connection of this tcpcb, and what waits of it in the device's queue."""
        tcpcb = self._layout("tcpcb")

        def write():
            connection = self._instance("tcpcb", address)
            if tcpcb.member("t_inpcb")[2]:
                inpcb = connection.int("t_inpcb")
            else:
                inpcb = connection.address_of("t_inpcb")
            inpcb = self._instance("inpcb", inpcb)
            self._connection(inpcb, connection)
            self._device_queue((family_of(inpcb), inpcb.bytes("inp_inc.inc_ie")))
            if not self.files:
                self._say(f"{address:#x}: no records")

        self._guarded(address, write)

    def _guarded(self, address, write):
        try:
            write()
        except Unreadable as error:
            self._fault(f"{address:#x}: {error}")

    def _connection(self, inpcb, tcpcb):
        first = tcpcb.int("t_logs.stqh_first")
        if not first:
            return
        try:
            self._note_stack(tcpcb.int("t_fb"))
        except Unreadable:
            pass  # The list of stacks has most likely named it.
        identifier, tag = self._names(tcpcb.address, tcpcb.int("t_lib"))
        self._log(
            Log(
                address=tcpcb.address,
                family=family_of(inpcb),
                endpoints=inpcb.bytes("inp_inc.inc_ie"),
                identifier=identifier,
                tag=tag,
                reason=self._reason,
                first=first,
                tail=tcpcb.int("t_logs.stqh_last"),
                expected=tcpcb.int("t_lognum"),
            )
        )

    def _names(self, address, bucket):
        """The id and the tag of a log in this bucket."""
        if not bucket:
            return UNSET, UNSET
        identifier, tag = UNSET, UNSET
        try:
            names = self._instance("tcp_log_id_bucket", bucket)
            identifier = names.text("tlb_id")
            if self._layout("tcp_log_id_bucket").find("tlb_tag") is not None:
                tag = names.text("tlb_tag")
        except Unreadable as error:
            self._fault(f"{address:#x}: id and tag: {error}; {UNSET.decode()} is written")
        return identifier, tag

    def _closed_connections(self):
        """Logs of connections that are gone: they stay with their id for a while."""
        what = "closed connections"
        head = self._target.symbol("tcp_log_expireq_head")
        if head is None:
            self._fault(f"{what}: no tcp_log_expireq_head; their logs are not looked for")
            return
        try:
            nodes = self._tail_queue(head, "tcp_log_id_node", "tln_expireq.stqe_next", what)
            for node in nodes:
                self._guarded(node.address, lambda node=node: self._closed_connection(node))
        except (Unreadable, UnknownStructure) as error:
            self._fault(f"{what}: {error}")

    def _closed_connection(self, node):
        first = node.int("tln_entries.stqh_first")
        if not first:
            return
        identifier, tag = self._names(node.address, node.int("tln_bucket"))
        self._log(
            Log(
                address=node.address,
                family=node.int("tln_af"),
                endpoints=node.bytes("tln_ie"),
                identifier=identifier,
                tag=tag,
                reason=self._reason,
                first=first,
                tail=node.int("tln_entries.stqh_last"),
                expected=node.int("tln_count"),
                note="closed",
            )
        )

    def _device_queue(self, only):
        """Logs that wait for a reader of /dev/tcp_log; of one connection if `only` is its family
        and endpoints."""
        what = "the device's queue"
        head = self._target.symbol("tcp_log_dev_queue_head")
        if head is None:
            self._fault(f"{what}: no tcp_log_dev_queue_head; logs that wait there are not looked for")
            return
        try:
            link = "tldl_common.tldq_queue.stqe_next"
            for entry in self._tail_queue(head, "tcp_log_dev_log_queue", link, what):
                self._guarded(entry.address, lambda entry=entry: self._queued(entry, only))
        except (Unreadable, UnknownStructure) as error:
            self._fault(f"{what}: {error}")

    def _queued(self, entry, only):
        """Writes a log of the device's queue.

        The kernel turns its list of records into the bytes for the reader when the reader gets to
        it. From then until the last reader has all of it there are only the bytes.
        """
        buffer = entry.int("tldl_common.tldq_buf")
        if buffer:
            self._expanded(entry.address, buffer, only)
            return
        family, endpoints = entry.int("tldl_af"), entry.bytes("tldl_ie")
        if only not in (None, (family, endpoints)):
            return
        self._log(
            Log(
                address=entry.address,
                family=family,
                endpoints=endpoints,
                identifier=entry.text("tldl_id"),
                tag=entry.text("tldl_tag"),
                reason=entry.text("tldl_reason"),
                first=entry.int("tldl_entries.stqh_first"),
                tail=entry.int("tldl_entries.stqh_last"),
                expected=entry.int("tldl_count"),
                note="waiting for a reader of /dev/tcp_log",
            )
        )

    def _expanded(self, address, buffer, only):
        """Writes an entry that the kernel has made already, as it is."""
        header = self._target.read(buffer, HEADER_SIZE)
        version, kind, length = struct.unpack(self._format("IIQ"), header[:16])
        if (version, kind) != (VERSION, TYPE_BBR) or not HEADER_SIZE <= length <= MAX_ENTRY:
            self._fault(
                f"{address:#x}: the entry at {buffer:#x} has version {version}, type {kind} and length"
                f" {length}, expected {VERSION}, {TYPE_BBR} and at most {MAX_ENTRY}; left out"
            )
            return
        endpoints, family = header[16 : 16 + ENDPOINTS_SIZE], header[HEADER_SIZE - 8]
        if only not in (None, (family, endpoints)):
            return
        data = self._target.read(buffer, length)
        flags = self._layout("tcp_log_buffer").member("tlb_eventflags")[0]
        at, count = HEADER_SIZE, 0
        while at + BUFFER_SIZE <= length:
            verbose = self._flags(data[at + flags : at + flags + 2]) & EVENTFLAG_VERBOSE
            at += BUFFER_SIZE + (VERBOSE_SIZE if verbose else 0)
            count += 1
        if at != length:
            self._fault(f"{address:#x}: the entry's length is {length}, but its records end at {at}")
        identifier = header[72 : 72 + ID_SIZE].split(b"\0", 1)[0]
        self._write(address, family, endpoints, identifier, data, count, "in a reader's hands")

    def _flags(self, data):
        return int.from_bytes(data, self._target.byte_order)

    # Output.

    def _log(self, log):
        records = bytearray()
        walk = self._walk(log.first, "tcp_log_mem", "tlm_queue.stqe_next", MAX_RECORDS)
        for entry in walk:
            records += self._record(entry)
        what = f"{log.address:#x}: records"
        if walk.problem is not None:
            self._fault(f"{what}: {walk.problem}")
        elif walk.count != log.expected:
            counts = f"{walk.count} in the list, but the kernel counted {log.expected}"
            # It counts a record before it appends it, and removes one before it counts it out.
            if walk.count + 1 == log.expected and walk.ends_at(log.tail):
                self._notice(f"{what}: {counts}; it stopped while it added or removed one")
            else:
                self._fault(f"{what}: {counts}")
        if not walk.count:
            return

        seconds, microseconds = self._boot_time
        header = struct.pack(self._format("IIQ"), VERSION, TYPE_BBR, HEADER_SIZE + len(records))
        header += log.endpoints
        header += struct.pack(self._format("qq"), seconds, microseconds)
        header += log.identifier[:ID_SIZE].ljust(ID_SIZE, b"\0")
        header += log.reason[: REASON_SIZE - 1].ljust(REASON_SIZE, b"\0")
        header += log.tag[:TAG_SIZE].ljust(TAG_SIZE, b"\0")
        header += struct.pack("B7x", log.family)
        assert len(header) == HEADER_SIZE
        data = header + records
        self._write(log.address, log.family, log.endpoints, log.identifier, data, walk.count, log.note)

    def _write(self, address, family, endpoints, identifier, data, count, note):
        try:
            path = write_new(self._directory, f"{address:#018x}_tcp_log", data)
        except OSError as error:
            # The next one would fail too: a full disk, a folder that is not writable.
            raise DumpError(f"{error.filename or self._directory}: {error.strerror}") from None
        self.files += 1
        self.records += count
        label = identifier.decode("ascii", "backslashreplace")
        label = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in label)
        note = f", {note}" if note else ""
        self._say(f"{path}: {describe(family, endpoints)}, {records_of(count)}, id {label}{note}")

    def _record(self, entry):
        """A record as the device writes it: always the whole structure, then what is verbose."""
        buffer = entry.bytes("tlm_buf")
        layout = self._layout("tcp_log_buffer")
        offset, size, _ = layout.member("tlb_eventflags")
        end = offset + size
        flags = self._flags(buffer[offset:end])
        if not flags & EVENTFLAG_HDR:
            # The memory is used again and again: what was there before is not to be taken for a
            # header.
            start = layout.member("tlb_th")[0]
            buffer = buffer[:start].ljust(BUFFER_SIZE, b"\0")
        if flags & EVENTFLAG_VERBOSE:
            buffer += entry.bytes("tlm_v")
        return buffer


def records_of(count):
    return f"{count} record{'' if count == 1 else 's'}"


def family_of(inpcb):
    return AF_INET6 if inpcb.int("inp_inc.inc_flags") & INC_ISIPV6 else AF_INET


def describe(family, endpoints):
    """Addresses and ports, the local end first."""
    foreign_port, local_port = struct.unpack(">HH", endpoints[:4])
    if family == AF_INET6:
        foreign = f"[{ipaddress.IPv6Address(endpoints[4:20])}]"
        local = f"[{ipaddress.IPv6Address(endpoints[20:36])}]"
    else:
        foreign = ipaddress.IPv4Address(endpoints[16:20])
        local = ipaddress.IPv4Address(endpoints[32:36])
    return f"{local}:{local_port} - {foreign}:{foreign_port}"


def write_new(directory, stem, data):
    """Writes a file that was not there before, whole or not at all, and returns its path."""
    for number in range(10_000):
        name = f"{stem}.bin" if number == 0 else f"{stem}.{number}.bin"
        path = os.path.join(directory, name)
        part = f"{path}.part"
        if os.path.lexists(path):
            continue
        try:
            # What connections said is for those who may read the kernel's memory.
            file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
        except FileExistsError:
            continue
        try:
            with os.fdopen(file, "wb") as output:
                output.write(data)
            try:
                # Unlike a rename, this fails if the name was taken meanwhile.
                os.link(part, path)
            except FileExistsError:
                continue
            except OSError:
                # A file system without hard links.
                if os.path.lexists(path):
                    continue
                os.rename(part, path)
            return path
        finally:
            if os.path.lexists(part):
                os.unlink(part)
    raise FileExistsError(17, "all names are taken", os.path.join(directory, f"{stem}.bin"))


class Arguments(argparse.ArgumentParser):
    """A parser that does not end the debugger."""

    def error(self, message):
        raise DumpError(f"{message}; usage: {self.format_usage().split(':', 1)[1].strip()}")

    def exit(self, status=0, message=None):
        raise Usage(message or "")

    def print_help(self, file=None):
        raise Usage(self.format_help().strip())


def arguments():
    parser = Arguments(
        prog="tcplog-dump",
        description="Writes the BBLog of every TCP connection into a file in the format of"
        " /dev/tcp_log.",
    )
    parser.add_argument("directory", metavar="DIR", nargs="?", default=".", help="where to (default: here)")
    parser.add_argument("--tcpcb", metavar="ADDR", help="only the connection of this struct tcpcb")
    parser.add_argument("--reason", default="core dump", help="the reason to note (default: %(default)s)")
    return parser


def run(words, make_target, evaluate, say, complain):
    """The command. `make_target` gives the target, `evaluate` turns ADDR into a number."""
    try:
        given = arguments().parse_args(words)
    except Usage as usage:
        say(str(usage))
        return
    try:
        os.makedirs(given.directory, exist_ok=True)
    except OSError as error:
        raise DumpError(f"{given.directory}: {error.strerror}") from None
    reason = given.reason.encode("utf-8", "replace")
    dump = Dump(make_target(), given.directory, reason, say, complain)
    if given.tcpcb is not None:
        dump.one_connection(evaluate(given.tcpcb))
    else:
        dump.all_connections()

    files = f"{dump.files} file{'' if dump.files == 1 else 's'}"
    say(f"{files} with {records_of(dump.records)}")
    stacks = dump.stack_option()
    if dump.files and stacks:
        say(f"to read them with the stacks' names: bblog show FILE --stack {stacks}")
    if dump.faults:
        raise DumpError(f"{dump.faults} fault{'' if dump.faults == 1 else 's'}, see above")
