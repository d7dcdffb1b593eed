// SPDX-License-Identifier: BSD-2-Clause
//! The change from root to the user that bblogd runs as, for good.

use nix::unistd::{
    Gid, Uid, User, getegid, geteuid, getgid, getgroups, getuid, setegid, seteuid, setgid, setgroups, setuid,
};

use crate::failure::Failure;

/// The default user, if root starts bblogd.
const DEFAULT_USER: &str = "nobody";

/// The user to become; `None` to stay as it is.
pub struct RunAs(Option<User>);

impl RunAs {
    /// The user of the option `user`.
    ///
    /// # Errors
    /// A [`Failure`]: there is no such user, or only root could become it.
    pub fn new(user: Option<&str>) -> Result<RunAs, Failure> {
        let name = match (geteuid().is_root(), user) {
            (false, None) => return Ok(RunAs(None)),
            (_, user) => user.unwrap_or(DEFAULT_USER),
        };
        let found = User::from_name(name).map_err(|error| Failure::io(format_args!("user {name}"), error))?;
        let Some(found) = found else {
            return Err(Failure::new(format_args!("user {name}"), "unknown, expected a name in passwd(5)"));
        };
        if geteuid().is_root() {
            return Ok(RunAs(Some(found)));
        }
        if found.uid == geteuid() {
            return Ok(RunAs(None));
        }
        let found = format!("started by uid {}, expected root", geteuid());
        Err(Failure::new(format_args!("user {name}"), found))
    }

    /// The owner of created files; `None` for the user of the process.
    pub fn owner(&self) -> Option<(Uid, Gid)> {
        self.0.as_ref().map(|user| (user.uid, user.gid))
    }

    /// Does something with the user's rights, and takes root's back. For a question that has to be
    /// answered before rights are given up for good.
    ///
    /// # Errors
    /// A [`Failure`] of the system; the process must not go on then.
    pub fn try_as_user<T>(&self, action: impl FnOnce() -> T) -> Result<T, Failure> {
        let Some(User { name, uid, gid, .. }) = &self.0 else { return Ok(action()) };
        let failed = |what: &str, error| Failure::io(format_args!("user {name}: {what}"), error);
        let (root, wheel) = (geteuid(), getegid());
        setegid(*gid).map_err(|error| failed("setegid", error))?;
        let done = seteuid(*uid).map(|()| action());
        let back = seteuid(root).and_then(|()| setegid(wheel));
        back.map_err(|error| failed("seteuid", error))?;
        done.map_err(|error| failed("seteuid", error))
    }

    /// Becomes the user: groups, group, user; and looks whether that was done.
    ///
    /// # Errors
    /// A [`Failure`]; the process must not go on then.
    pub fn drop_privileges(&self) -> Result<(), Failure> {
        let Some(User { name, uid, gid, .. }) = &self.0 else { return Ok(()) };
        let failed = |what: &str, error| Failure::io(format_args!("user {name}: {what}"), error);
        setgroups(&[*gid]).map_err(|error| failed("setgroups", error))?;
        setgid(*gid).map_err(|error| failed("setgid", error))?;
        setuid(*uid).map_err(|error| failed("setuid", error))?;
        let is_user = (getuid(), geteuid()) == (*uid, *uid) && (getgid(), getegid()) == (*gid, *gid);
        let groups = getgroups().map_err(|error| failed("getgroups", error))?;
        let back = !uid.is_root() && (setuid(Uid::from_raw(0)).is_ok() || setgid(Gid::from_raw(0)).is_ok());
        if !is_user || groups.iter().any(|group| group != gid) || back {
            return Err(Failure::new(
                format_args!("user {name}"),
                "still has other privileges, expected none",
            ));
        }
        Ok(())
    }
}
