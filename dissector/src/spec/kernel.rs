// SPDX-License-Identifier: BSD-2-Clause
//! Kernels: the one list that the library and the build script share.

/// The kernel a BBLog record comes from, which decides a few meanings (tcp_log_buf.h has been
/// version 9 all along).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kernel {
    /// FreeBSD 13.
    Freebsd13,
    /// FreeBSD 14, and main up to early 2024.
    Freebsd14,
    /// FreeBSD 15 and main.
    #[default]
    Main,
}

impl Kernel {
    /// All kernels, the oldest first.
    pub const ALL: [Kernel; 3] = [Kernel::Freebsd13, Kernel::Freebsd14, Kernel::Main];

    /// From a release, as a user or `shb_os` writes it: `13`, `14.1-RELEASE`, `15.0`, `main`.
    /// Release 12, the first with BBLog, counts as 13, and those from 15 on as main. `None` if the text begins
    /// with neither such a number nor `main`, as a system's that counts its own releases does.
    ///
    /// ```
    /// use bblog_dissector::spec::Kernel;
    /// assert_eq!(Kernel::from_name("13.2"), Some(Kernel::Freebsd13));
    /// assert_eq!(Kernel::from_name("16.0-CURRENT"), Some(Kernel::Main));
    /// assert_eq!(Kernel::from_name("rack"), None);
    /// assert_eq!(Kernel::from_name("0.1-CURRENT"), None);
    /// ```
    pub fn from_name(name: &str) -> Option<Kernel> {
        let release = name.split(|c: char| !c.is_ascii_alphanumeric()).next()?;
        match release.parse::<u32>() {
            Ok(..12) => None,
            Ok(12 | 13) => Some(Kernel::Freebsd13),
            Ok(14) => Some(Kernel::Freebsd14),
            Ok(_) => Some(Kernel::Main),
            Err(_) => (release == "main").then_some(Kernel::Main),
        }
    }

    /// Its name: `13`, `14`, `main`.
    pub fn name(self) -> &'static str {
        ["13", "14", "main"][self as usize]
    }

    /// This kernel's bit in [`When::kernels`](super::When::kernels).
    pub const fn bit(self) -> u8 {
        1 << self as u8
    }
}
