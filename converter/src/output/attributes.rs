// SPDX-License-Identifier: BSD-2-Clause
//! Owner and mode of a file that is replaced.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

/// Bits of a mode that run a program as another user or group.
const SET_ID: u32 = 0o6000;
const PERMISSIONS: u32 = 0o7777;

/// Gives the file `new` the owner, group and mode of the file `old` that it is going to replace, as far as the system
/// permits: only root can give files away. Without the owner, a file does not run as its owner.
pub fn keep(old: &Path, new: &Path) {
    let (Ok(from), Ok(to)) = (fs::metadata(old), fs::metadata(new)) else { return };
    let same_owner = (from.uid(), from.gid()) == (to.uid(), to.gid());
    let is_kept = same_owner || chown(new, Some(from.uid()), Some(from.gid())).is_ok();
    if !is_kept {
        // The group alone can be given by its members.
        let _ = chown(new, None, Some(from.gid()));
    }
    let mode = from.mode() & PERMISSIONS & if is_kept { !0 } else { !SET_ID };
    // A file system without modes has nothing to keep.
    let _ = fs::set_permissions(new, Permissions::from_mode(mode));
}
