// SPDX-License-Identifier: BSD-2-Clause
//! A disk that is soon full.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bblogd::is_root;

/// A small file system, if this process may mount one.
pub struct Small(pub PathBuf);

impl Small {
    /// Mounts one of this size.
    pub fn mount(path: &Path, size: &str) -> Option<Small> {
        fs::create_dir(path).unwrap();
        let options = format!("size={size},mode=777");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "none"]).arg(path).output();
        if is_root() && mounted.is_ok_and(|output| output.status.success()) {
            return Some(Small(path.to_owned()));
        }
        eprintln!("no tmpfs can be mounted here, left out");
        None
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
