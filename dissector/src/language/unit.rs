// SPDX-License-Identifier: BSD-2-Clause
//! Units of values: the one list that the library, the schema language and the build script share.

macro_rules! units {
    ($($(#[$doc:meta])* $unit:ident $table:literal $shown:literal,)*) => {
        /// The unit of a value.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub enum Unit {
            $($(#[$doc])* $unit,)*
        }

        impl Unit {
            /// From the word that tables and schemas use.
            pub fn from_word(word: &str) -> Option<Unit> {
                match word {
                    $($table => Some(Unit::$unit),)*
                    _ => None,
                }
            }

            /// The word that tables and schemas use.
            pub fn word(self) -> &'static str {
                match self {
                    $(Unit::$unit => $table,)*
                }
            }

            /// What follows the number, without a blank; empty for plain numbers.
            pub fn suffix(self) -> &'static str {
                match self {
                    $(Unit::$unit => $shown,)*
                }
            }
        }
    };
}

units! {
    /// A plain number.
    #[default]
    None "-" "",
    /// A truth value.
    Bool "bool" "",
    /// Microseconds.
    Us "us" "us",
    /// Milliseconds.
    Ms "ms" "ms",
    /// Seconds.
    S "s" "s",
    /// Nanoseconds.
    Ns "ns" "ns",
    /// A span of time in kernel ticks; a second has `hz` ticks.
    Ticks "ticks" "ticks",
    /// A reading of the kernel's tick counter, which begins at any number.
    TickVal "tickval" "ticks",
    /// Kernel ticks scaled by 32 (t_srtt of the default stack: TCP_RTT_SHIFT is 5).
    TicksX32 "ticks/32" "ticks",
    /// Kernel ticks scaled by 16 (t_rttvar of the default stack: TCP_RTTVAR_SHIFT is 4).
    TicksX16 "ticks/16" "ticks",
    /// Kernel ticks multiplied by 1000 (RTTs that the default stack writes to eventlog).
    TicksX1000 "ticks/1000" "ticks",
    /// Bytes.
    Bytes "bytes" "bytes",
    /// Bytes per second.
    BytesPerSec "bytes/s" "bytes/s",
    /// A TCP sequence number of ours, absolute, modulo 2^32.
    Seq "seq" "",
    /// A TCP sequence number of the peer's, absolute, modulo 2^32.
    PeerSeq "peer-seq" "",
    /// A count.
    Count "count" "",
    /// Hundredths.
    Percent "percent" "%",
    /// A fixed-point number: 256 is 1.0 (BBR_UNIT).
    X256 "1/256" "",
    /// A fixed-point number: 1000 is 1.0.
    X1000 "1/1000" "",
    /// A line of the kernel's source.
    Line "line" "",
    /// A slot of the pacer's wheel.
    Slot "slot" "",
    /// A kernel address.
    Pointer "pointer" "",
    /// CPU cycles.
    Cycles "cycles" "cycles",
    /// An index.
    Index "index" "",
    /// Best read in hexadecimal.
    Hex "hex" "",
    /// A TCP timestamp value of the peer's clock.
    TsVal "tsval" "",
    /// A CPU number.
    Cpu "cpu" "",
    /// A TCP port.
    Port "port" "",
}

impl Unit {
    /// What follows the number `value`, without a blank: `1 byte`, `2 bytes`.
    pub fn suffix_of(self, value: i64) -> &'static str {
        match self {
            Unit::Bytes if value == 1 => "byte",
            Unit::BytesPerSec if value == 1 => "byte/s",
            Unit::Cycles if value == 1 => "cycle",
            Unit::Ticks | Unit::TickVal | Unit::TicksX16 | Unit::TicksX32 | Unit::TicksX1000
                if value == 1 =>
            {
                "tick"
            }
            unit => unit.suffix(),
        }
    }

    /// For spans of time in kernel ticks, what the number is scaled by; `None` for all other units.
    pub fn ticks_scale(self) -> Option<u64> {
        match self {
            Unit::Ticks => Some(1),
            Unit::TicksX16 => Some(16),
            Unit::TicksX32 => Some(32),
            Unit::TicksX1000 => Some(1000),
            _ => None,
        }
    }
}
