# SPDX-License-Identifier: BSD-2-Clause
"""The command tcplog-dump for lldb: see README.md.

    lldb -b -c CORE PROGRAM -o 'command script import tcplog_lldb.py' -o 'tcplog-dump DIR'
"""

import os
import shlex
import sys

import lldb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
_compiled = sys.dont_write_bytecode
sys.dont_write_bytecode = True  # No __pycache__ beside scripts that root runs.
import tcplog_walk  # noqa: E402

sys.dont_write_bytecode = _compiled
del sys.path[0]


class LldbTarget:
    """What lldb knows of the kernel, as tcplog_walk asks for it."""

    def __init__(self, target):
        self._target = target
        self._process = target.GetProcess()
        if not self._process.IsValid():
            raise tcplog_walk.DumpError("no process and no core to look at")
        self.byte_order = "big" if target.GetByteOrder() == lldb.eByteOrderBig else "little"
        self._fields = {}

    def read(self, address, size):
        error = lldb.SBError()
        try:
            data = self._process.ReadMemory(address, size, error)
        except (OverflowError, TypeError):
            data = None
        # Of memory that ends in between, lldb gives the part before.
        if data is None or error.Fail() or len(data) != size:
            raise tcplog_walk.Unreadable(f"memory at {address:#x} is not readable")
        return bytes(data)

    def symbol(self, name):
        for value in self._target.FindGlobalVariables(name, 16):
            address = value.GetLoadAddress()
            if value.GetName() == name and address != lldb.LLDB_INVALID_ADDRESS:
                return address
        for context in self._target.FindSymbols(name):
            address = context.GetSymbol().GetStartAddress().GetLoadAddress(self._target)
            if address != lldb.LLDB_INVALID_ADDRESS:
                return address
        return None

    def struct(self, name):
        # A file that only mentions the structure has it too, without a size.
        for kind in self._target.FindTypes(name):
            if kind.GetTypeClass() == lldb.eTypeClassStruct and kind.GetByteSize():
                return kind
        return None

    def size_of(self, kind):
        return kind.GetByteSize()

    def fields_of(self, kind):
        kind = kind.GetCanonicalType()
        count = kind.GetNumberOfFields()
        fields = [kind.GetFieldAtIndex(index) for index in range(count)]
        return [(field.GetName() or "", field.GetOffsetInBytes(), field.GetType()) for field in fields]

    def is_pointer(self, kind):
        return kind.GetCanonicalType().IsPointerType()


def tcplog_dump(debugger, command, context, result, _names):
    """Write the BBLog of every TCP connection into a file in the format of /dev/tcp_log.

Usage: tcplog-dump [DIR] [--tcpcb ADDR] [--reason REASON]

DIR is where to, by default the current folder; nothing is overwritten. ADDR may be an expression."""
    target = context.GetTarget() if context.GetTarget().IsValid() else debugger.GetSelectedTarget()

    def evaluate(text):
        try:
            return int(text, 0)
        except ValueError:
            value = target.EvaluateExpression(text)
        if not value.IsValid() or value.GetError().Fail():
            raise tcplog_walk.DumpError(f"{text}: is not an address")
        return value.GetValueAsUnsigned()

    def complain(text):
        print(f"tcplog-dump: {text}", file=sys.stderr)

    try:
        words = shlex.split(command)
        tcplog_walk.run(words, lambda: LldbTarget(target), evaluate, print, complain)
    except ValueError as error:
        result.SetError(f"tcplog-dump: {error}")
    except tcplog_walk.DumpError as error:
        result.SetError(f"tcplog-dump: {error}")


def __lldb_init_module(debugger, _names):
    debugger.HandleCommand(f"command script add -f {__name__}.tcplog_dump tcplog-dump")
