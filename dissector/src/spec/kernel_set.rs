// SPDX-License-Identifier: BSD-2-Clause
//! Sets of kernels.

use std::fmt;

use super::kernel::Kernel;

/// The kernels that a record can come from: one or more, not all.
///
/// ```
/// use bblog_dissector::spec::{Kernel, KernelSet};
/// let newer = KernelSet::from_bits(Kernel::Freebsd14.bit() | Kernel::Main.bit()).unwrap();
/// assert_eq!((newer.newest(), newer.to_string().as_str()), (Kernel::Main, "14 or newer"));
/// assert_eq!(KernelSet::from(Kernel::Freebsd13).to_string(), "13");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KernelSet(u8);

impl KernelSet {
    /// From [`Kernel::bit`]s, without other bits. `None` for no kernel, and for all.
    pub fn from_bits(bits: u8) -> Option<KernelSet> {
        let every = (1 << Kernel::ALL.len()) - 1;
        Some(KernelSet(bits & every)).filter(|set| set.0 != 0 && set.0 != every)
    }

    /// Its kernels, as [`Kernel::bit`]s.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Its kernels, the oldest first.
    pub fn kernels(self) -> impl DoubleEndedIterator<Item = Kernel> {
        Kernel::ALL.into_iter().filter(move |kernel| self.0 & kernel.bit() != 0)
    }

    /// The newest of them, with which a record is decoded.
    pub fn newest(self) -> Kernel {
        self.kernels().next_back().unwrap_or_default()
    }

    /// Its name: `13`, `14`, `main`, `13 or 14`, `13 or main`, `14 or newer`.
    pub fn name(self) -> &'static str {
        let names = ["", "13", "14", "13 or 14", "main", "13 or main", "14 or newer"];
        names.get(usize::from(self.0)).copied().unwrap_or_default()
    }

    /// The kernel, if it is one.
    pub fn only(self) -> Option<Kernel> {
        (self.0.count_ones() == 1).then(|| self.newest())
    }
}

impl From<Kernel> for KernelSet {
    fn from(kernel: Kernel) -> KernelSet {
        KernelSet(kernel.bit())
    }
}

/// [`KernelSet::name`].
impl fmt::Display for KernelSet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}
