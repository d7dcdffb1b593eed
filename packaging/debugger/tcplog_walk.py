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

Memory of a crashed kernel can be broken anywhere. So every list is walked with an end to it, what
is wrong is said in one line, and whatever can be read is still written.
"""

import argparse
import ipaddress
import os
import struct

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
VNET_MAGIC = 0x3E0D8F29

# Ends of walks, far above what a kernel holds.
MAX_CONNECTIONS = 16_000_000
MAX_RECORDS = 1_000_000
MAX_STACKS = 256
MAX_VNETS = 65_536
MAX_BUCKETS = 1 << 24


class Unreadable(Exception):
    """Memory that the debugger cannot read."""


class DumpError(Exception):
    """The command as a whole failed, or part of it did."""


class Usage(Exception):
    """Help was asked for; the text of it."""


class Layout:
    """Where the members of a structure are; each is asked for once."""

    def __init__(self, target, name):
        self.name = name
        self._target = target
        self._type = target.struct(name)
        if self._type is None:
            raise DumpError(
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
            raise DumpError(f"struct {self.name}: has no member {path}; this kernel is not known")
        return found

    def one_of(self, *paths):
        """The first of these paths that exists: what differs between FreeBSD versions."""
        for path in paths:
            if self.find(path) is not None:
                return path
        raise DumpError(f"struct {self.name}: has none of the members {', '.join(paths)}")

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
        except (Unreadable, DumpError) as error:
            self._fault(f"boot time: {error}; the times will count from the boot")
            return 0, 0
        self._fault("boot time: no timehands, boottimebin or boottime; the times will count from the boot")
        return 0, 0

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
        except (Unreadable, DumpError) as error:
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

    def _list(self, first, name, link, limit, what):
        """Yields what is on a list until it ends or is found broken, which is said."""
        layout = self._layout(name)
        alignment = layout.member(link)[1]
        seen = set()
        address = first
        while address:
            problem = None
            if address in seen:
                problem = "comes again, the list runs in a circle"
            elif len(seen) >= limit:
                problem = f"is number {limit + 1}, which is too many to be true"
            elif address % alignment:
                problem = "is not an aligned address"
            else:
                try:
                    element = Instance(self._target, layout, address)
                except Unreadable as error:
                    problem = str(error)
            if problem is not None:
                after = f"after {len(seen)}" if seen else "at its start"
                self._fault(f"{what}: {name} {address:#x}, {after}: {problem}")
                return
            seen.add(address)
            yield element
            address = element.int(link)

    def all_connections(self):
        tables = self._tables()
        if not tables:
            raise DumpError("tcbinfo: not found, expected a FreeBSD kernel with debug information")
        for address, where in tables:
            try:
                self._table(address, where)
            except Unreadable as error:
                self._fault(f"{where}: {error}")
        self._closed_connections()

    def _tables(self):
        """[(address of a struct inpcbinfo, its name)]: one, or one for each VNET."""
        address = self._target.symbol("tcbinfo")
        if address is not None:
            return [(address, "tcbinfo")]
        master = self._target.symbol("vnet_entry_tcbinfo")
        head = self._target.symbol("vnet_head")
        if master is None or head is None:
            return []
        tables = []
        try:
            first = self._number(head, self._layout("vnet").member("vnet_le.le_next")[1])
        except Unreadable as error:
            raise DumpError(f"vnet_head: {error}") from None
        for vnet in self._list(first, "vnet", "vnet_le.le_next", MAX_VNETS, "VNETs"):
            if vnet.int("vnet_magic_n") != VNET_MAGIC:
                self._fault(f"vnet {vnet.address:#x}: its magic number is wrong, left out")
                continue
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
        faults = self.faults
        for inpcb in self._list(first, "inpcb", link, MAX_CONNECTIONS, f"{where}: connections"):
            self._inpcb(inpcb)
        if self.faults != faults:
            # The rest of a torn list is still to be found by address and port.
            self._hashed(info, where)

    def _hashed(self, info, where):
        layout, inpcb = self._layout("inpcbinfo"), self._layout("inpcb")
        pointer = layout.member("ipi_hashmask")[1]
        count = info.int("ipi_hashmask") + 1
        if count > MAX_BUCKETS:
            self._fault(f"{where}: the hash table's size is {count}, which cannot be; not searched")
            return
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
        """Writes the log of the connection of this tcpcb."""
        tcpcb = self._layout("tcpcb")

        def write():
            connection = self._instance("tcpcb", address)
            if tcpcb.member("t_inpcb")[2]:
                inpcb = connection.int("t_inpcb")
            else:
                inpcb = connection.address_of("t_inpcb")
            if not self._connection(self._instance("inpcb", inpcb), connection):
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
            return False
        try:
            self._note_stack(tcpcb.int("t_fb"))
        except Unreadable:
            pass  # The list of stacks has most likely named it.
        family = AF_INET6 if inpcb.int("inp_inc.inc_flags") & INC_ISIPV6 else AF_INET
        self._log(
            tcpcb.address,
            family,
            inpcb.bytes("inp_inc.inc_ie"),
            tcpcb.int("t_lib"),
            first,
            tcpcb.int("t_lognum"),
        )
        return True

    def _closed_connections(self):
        """Logs of connections that are gone: they stay with their id for a while."""
        head = self._target.symbol("tcp_log_expireq_head")
        if head is None:
            return
        try:
            node = self._layout("tcp_log_id_node")
            first = self._number(head, node.member("tln_expireq.stqe_next")[1])
            link = "tln_expireq.stqe_next"
            for closed in self._list(first, node.name, link, MAX_CONNECTIONS, "closed connections"):
                entries = closed.int("tln_entries.stqh_first")
                if entries:
                    self._log(
                        closed.address,
                        closed.int("tln_af"),
                        closed.bytes("tln_ie"),
                        closed.int("tln_bucket"),
                        entries,
                        closed.int("tln_count"),
                    )
        except (Unreadable, DumpError) as error:
            self._fault(f"closed connections: {error}")

    # Output.

    def _log(self, address, family, endpoints, bucket, first, expected):
        identifier, tag = UNSET, UNSET
        if bucket:
            try:
                names = self._instance("tcp_log_id_bucket", bucket)
                identifier = names.text("tlb_id")
                if self._layout("tcp_log_id_bucket").find("tlb_tag") is not None:
                    tag = names.text("tlb_tag")
            except Unreadable as error:
                self._fault(f"{address:#x}: id and tag: {error}; {UNSET.decode()} is written")

        records = bytearray()
        count = 0
        faults = self.faults
        link = "tlm_queue.stqe_next"
        for entry in self._list(first, "tcp_log_mem", link, MAX_RECORDS, f"{address:#x}: records"):
            records += self._record(entry)
            count += 1
        if self.faults == faults and count != expected:
            self._fault(f"{address:#x}: records: {count} in the list, but the kernel counted {expected}")
        if not count:
            return

        seconds, microseconds = self._boot_time
        header = struct.pack(self._format("IIQ"), VERSION, TYPE_BBR, HEADER_SIZE + len(records))
        header += endpoints
        header += struct.pack(self._format("qq"), seconds, microseconds)
        header += identifier[:ID_SIZE].ljust(ID_SIZE, b"\0")
        header += self._reason[: REASON_SIZE - 1].ljust(REASON_SIZE, b"\0")
        header += tag[:TAG_SIZE].ljust(TAG_SIZE, b"\0")
        header += struct.pack("B7x", family)
        assert len(header) == HEADER_SIZE
        try:
            path = write_new(self._directory, f"{address:#018x}_tcp_log", header + records)
        except OSError as error:
            # The next one would fail too: a full disk, a folder that is not writable.
            raise DumpError(f"{error.filename or self._directory}: {error.strerror}") from None
        self.files += 1
        self.records += count
        label = identifier.decode("ascii", "backslashreplace")
        label = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in label)
        self._say(f"{path}: {describe(family, endpoints)}, {count} records, id {label}")

    def _record(self, entry):
        """A record as the device writes it: always the whole structure, then what is verbose."""
        buffer = entry.bytes("tlm_buf")
        layout = self._layout("tcp_log_buffer")
        offset, size, _ = layout.member("tlb_eventflags")
        end = offset + size
        flags = int.from_bytes(buffer[offset:end], self._target.byte_order)
        if not flags & EVENTFLAG_HDR:
            # The memory is used again and again: what was there before is not to be taken for a
            # header.
            start = layout.member("tlb_th")[0]
            buffer = buffer[:start].ljust(BUFFER_SIZE, b"\0")
        if flags & EVENTFLAG_VERBOSE:
            buffer += entry.bytes("tlm_v")
        return buffer


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
    say(f"{files} with {dump.records} records")
    stacks = dump.stack_option()
    if dump.files and stacks:
        say(f"to read them with the stacks' names: bblog show FILE --stack {stacks}")
    if dump.faults:
        raise DumpError(f"{dump.faults} fault{'' if dump.faults == 1 else 's'}, see above")
