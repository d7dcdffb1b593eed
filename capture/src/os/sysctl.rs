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

/// The value of an integer sysctl (`int`, `u_int` or 64 bits).
pub fn integer(name: &str) -> Option<i64> {
    let value = value(name)?;
    match value.len() {
        4 => value.first_chunk().map(|&bytes| i64::from(i32::from_ne_bytes(bytes))),
        8 => value.first_chunk().map(|&bytes| i64::from_ne_bytes(bytes)),
        _ => None,
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
