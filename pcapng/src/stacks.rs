// SPDX-License-Identifier: BSD-2-Clause
//! Names of TCP stacks. BBLog records have the number that the logging kernel assigned to the stack. Its
//! name comes from that kernel or from the user.

use std::fmt;
use std::str::FromStr;

/// The longest name: `TCP_FUNCTION_NAME_LEN_MAX` without its NUL.
pub const MAX_NAME: usize = 31;
/// The name of a stack without a name.
const UNKNOWN: &[u8] = b"unknown";

/// Names by stack number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StackNames(Vec<(u8, Vec<u8>)>);

impl StackNames {
    /// No names.
    pub fn none() -> StackNames {
        StackNames::default()
    }

    /// Sets the name of stack `id`: up to 31 bytes, up to the first NUL.
    pub fn set(&mut self, id: u8, name: &[u8]) {
        let name = name.split(|&b| b == 0).next().unwrap_or_default();
        let name = name[..name.len().min(MAX_NAME)].to_vec();
        self.0.retain(|known| known.0 != id);
        self.0.push((id, name));
    }

    /// Whether there are none.
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// The numbers of the stacks that have a name.
    pub fn ids(&self) -> impl Iterator<Item = u8> {
        self.0.iter().map(|known| known.0)
    }

    /// The name of stack `id`, if it has one.
    pub fn find(&self, id: u8) -> Option<&[u8]> {
        self.0.iter().find(|known| known.0 == id).map(|known| known.1.as_slice())
    }

    /// The name of stack `id`, `unknown` if it has none.
    pub fn get(&self, id: u8) -> &[u8] {
        self.find(id).unwrap_or(UNKNOWN)
    }

    /// Reads an array of `struct tcp_function_info` (netinet/tcp_var.h): per element a count
    /// (4 bytes), the number (1), name and alias (32 each), padded to 72.
    pub fn from_function_info(info: &[u8]) -> StackNames {
        let mut names = StackNames::none();
        for element in info.chunks_exact(72) {
            names.set(element[4], &element[5..37]);
        }
        names
    }
}

/// `1=freebsd,2=rack,3=bbr`; nothing without names.
impl fmt::Display for StackNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (id, name)) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{id}={}", String::from_utf8_lossy(name))?;
        }
        Ok(())
    }
}

/// `1=freebsd,2=rack,3=bbr`.
impl FromStr for StackNames {
    type Err = String;

    fn from_str(text: &str) -> Result<StackNames, String> {
        let mut names = StackNames::none();
        for item in text.split(',') {
            let (id, name) = item.split_once('=').ok_or(format!("\"{item}\", expected NUMBER=NAME"))?;
            let id = id.trim().parse().map_err(|_| format!("stack number \"{id}\", expected 0 to 255"))?;
            let name = name.trim();
            if name.is_empty() || name.len() > MAX_NAME {
                return Err(format!("stack name \"{name}\", expected 1 to {MAX_NAME} bytes"));
            }
            names.set(id, name.as_bytes());
        }
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::StackNames;

    #[test]
    fn from_the_command_line() {
        let names: StackNames = "1=freebsd,2=rack".parse().unwrap();
        assert_eq!((names.get(2), names.get(3)), (&b"rack"[..], &b"unknown"[..]));
        assert_eq!(names.to_string(), "1=freebsd,2=rack");
        for wrong in ["", "rack", "256=rack", "1=", "1=0123456789012345678901234567890123"] {
            assert!(wrong.parse::<StackNames>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn from_the_kernel() {
        let mut info = vec![0; 144];
        info[4] = 1;
        info[5..12].copy_from_slice(b"freebsd");
        info[76] = 7;
        info[77..81].copy_from_slice(b"rack");
        let names = StackNames::from_function_info(&info);
        assert_eq!((names.get(1), names.get(7)), (&b"freebsd"[..], &b"rack"[..]));
    }
}
