// SPDX-License-Identifier: BSD-2-Clause
//! sysctl(3), read only.

/// The value of the sysctl `name`; `None` if there is none, or no sysctl at all.
pub fn value(name: &str) -> Option<Vec<u8>> {
    #[cfg(any(target_os = "freebsd", fbsd_check))]
    return freebsd::value(name);
    #[cfg(not(any(target_os = "freebsd", fbsd_check)))]
    {
        let _ = name;
        None
    }
}

/// The value of an integer sysctl.
pub fn integer(name: &str) -> Option<i64> {
    as_integer(&value(name)?)
}

/// A value as an integer, in the machine's byte order: `bool` (1 byte), `uint16_t`, `int` or `u_int`,
/// or 64 bits. `u_int` above 2^31 comes out negative, as -1 for "all".
pub fn as_integer(value: &[u8]) -> Option<i64> {
    match *value {
        [byte] => Some(i64::from(byte)),
        [a, b] => Some(i64::from(u16::from_ne_bytes([a, b]))),
        [a, b, c, d] => Some(i64::from(i32::from_ne_bytes([a, b, c, d]))),
        _ => Some(i64::from_ne_bytes(*value.first_chunk().filter(|_| value.len() == 8)?)),
    }
}

#[cfg(any(target_os = "freebsd", fbsd_check))]
#[allow(unsafe_code)]
mod freebsd {
    use std::ffi::{CString, c_char, c_int, c_void};
    use std::ptr;

    unsafe extern "C" {
        fn sysctlbyname(
            name: *const c_char,
            old: *mut c_void,
            old_len: *mut usize,
            new: *const c_void,
            new_len: usize,
        ) -> c_int;
    }

    /// Larger values are not among those that are read.
    const MAX: usize = 1 << 20;

    pub(super) fn value(name: &str) -> Option<Vec<u8>> {
        let name = CString::new(name).ok()?;
        let mut len = 0;
        // SAFETY: `name` ends with a NUL; without a buffer only the length is written.
        let asked = unsafe { sysctlbyname(name.as_ptr(), ptr::null_mut(), &mut len, ptr::null(), 0) };
        if asked != 0 || len > MAX {
            return None;
        }
        // The value may have grown since.
        let mut value = vec![0u8; len + len / 2 + 64];
        len = value.len();
        // SAFETY: `value` has `len` bytes, and the kernel writes at most that many and how many.
        let read =
            unsafe { sysctlbyname(name.as_ptr(), value.as_mut_ptr().cast(), &mut len, ptr::null(), 0) };
        if read != 0 {
            return None;
        }
        value.truncate(len);
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_of_every_size() {
        // SYSCTL_BOOL: one byte.
        assert_eq!((as_integer(&[1]), as_integer(&[0])), (Some(1), Some(0)));
        assert_eq!(as_integer(&443_u16.to_ne_bytes()), Some(443));
        assert_eq!(as_integer(&5_000_000_i32.to_ne_bytes()), Some(5_000_000));
        assert_eq!(as_integer(&u32::MAX.to_ne_bytes()), Some(-1));
        assert_eq!(as_integer(&(1_u64 << 36).to_ne_bytes()), Some(1 << 36));
        for size in [0, 3, 5, 7, 9, 72] {
            assert_eq!(as_integer(&vec![0; size]), None, "{size}");
        }
    }
}
