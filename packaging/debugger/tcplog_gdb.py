# SPDX-License-Identifier: BSD-2-Clause
"""The command tcplog-dump for gdb and kgdb: see README.md.

    gdb -batch -x tcplog_gdb.py -ex 'tcplog-dump DIR' PROGRAM CORE
"""

import os
import sys

import gdb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
_compiled = sys.dont_write_bytecode
sys.dont_write_bytecode = True  # No __pycache__ beside scripts that root runs.
import tcplog_walk  # noqa: E402

sys.dont_write_bytecode = _compiled
del sys.path[0]


class GdbTarget:
    """What gdb knows of the kernel, as tcplog_walk asks for it."""

    def __init__(self):
        self._inferior = gdb.selected_inferior()
        endian = gdb.execute("show endian", to_string=True)
        self.byte_order = "big" if "big endian" in endian else "little"

    def read(self, address, size):
        try:
            return bytes(self._inferior.read_memory(address, size))
        except (gdb.error, OverflowError, ValueError):
            raise tcplog_walk.Unreadable(f"memory at {address:#x} is not readable") from None

    def symbol(self, name):
        # By name among globals and statics first: the expression would prefer a frame's locals.
        symbol = gdb.lookup_global_symbol(name)
        if symbol is None and hasattr(gdb, "lookup_static_symbol"):
            symbol = gdb.lookup_static_symbol(name)
        try:
            if symbol is not None:
                return int(symbol.value().address)
            return int(gdb.parse_and_eval(f"&{name}"))
        except (gdb.error, TypeError):
            return None

    def struct(self, name):
        try:
            return gdb.lookup_type(f"struct {name}")
        except gdb.error:
            return None

    def size_of(self, kind):
        return kind.sizeof

    def fields_of(self, kind):
        kind = kind.strip_typedefs()
        if kind.code not in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION):
            return []
        return [(field.name or "", field.bitpos // 8, field.type) for field in kind.fields()]

    def is_pointer(self, kind):
        return kind.strip_typedefs().code == gdb.TYPE_CODE_PTR


class TcplogDump(gdb.Command):
    """Write the BBLog of every TCP connection into a file in the format of /dev/tcp_log.

Usage: tcplog-dump [DIR] [--tcpcb ADDR] [--reason REASON]

DIR is where to, by default the current folder; nothing is overwritten. ADDR may be an expression."""

    def __init__(self):
        super().__init__("tcplog-dump", gdb.COMMAND_DATA, gdb.COMPLETE_FILENAME)

    def invoke(self, argument, from_tty):
        try:
            tcplog_walk.run(gdb.string_to_argv(argument), GdbTarget, _evaluate, print, _complain)
        except tcplog_walk.DumpError as error:
            raise gdb.GdbError(f"tcplog-dump: {error}") from None


def _evaluate(text):
    try:
        return int(gdb.parse_and_eval(text))
    except (gdb.error, TypeError):
        raise tcplog_walk.DumpError(f"{text}: is not an address") from None


def _complain(text):
    print(f"tcplog-dump: {text}", file=sys.stderr)


TcplogDump()
