// SPDX-License-Identifier: BSD-2-Clause
//! `bblogd check`: prints what this system lacks to log, and the commands that change it. Changes nothing.

mod bblog;
mod eventlog;
mod item;
mod system;
mod text;

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::ExitCode;

use nix::unistd::User;

use crate::process::answer;
use crate::process::check::item::{CheckedItem, advice, command, is_usable};
use crate::process::check::system::{System, ThisSystem};
use crate::process::cli::CheckArgs;

/// Examines everything and prints it. Status 0 if logs of either kind can be had, else 1.
pub fn run(args: &CheckArgs) -> ExitCode {
    let system = ThisSystem;
    let (bblog, eventlog) = (bblog::look(&system), eventlog::look(&system));
    let common = vec![root(&system), user(&args.user), folder(&args.directory, &args.user)];
    let text = match args.json {
        true => text::json_text(&common, &bblog, &eventlog),
        false => text::text(&common, &bblog, &eventlog),
    };
    answer::print(&text, is_usable(&bblog) || is_usable(&eventlog))
}

fn root(system: &impl System) -> CheckedItem {
    match system.is_root() {
        true => CheckedItem::ok("rights", "root, as opening the devices needs"),
        false => CheckedItem::note(
            "rights",
            "not root",
            advice("start bblogd as root; it becomes the user of -u by itself"),
        ),
    }
}

fn user(name: &str) -> CheckedItem {
    match User::from_name(name) {
        Ok(Some(user)) => CheckedItem::ok("user", format!("{name} (uid {})", user.uid)),
        _ => CheckedItem::note(
            "user",
            format!("{name}: unknown"),
            command(format!("pw useradd {} -d /nonexistent -s /usr/sbin/nologin", quoted(name))),
        ),
    }
}

fn folder(path: &Path, user: &str) -> CheckedItem {
    let shown = path.display();
    let owner = User::from_name(user).ok().flatten();
    match std::fs::metadata(path) {
        Err(_) => CheckedItem::note(
            "folder",
            format!("{shown}: none"),
            command(format!("install -d -o {} -m 0750 {}", quoted(user), quoted(&shown.to_string()))),
        ),
        Ok(there) if !there.is_dir() => {
            CheckedItem::note("folder", format!("{shown}: no folder"), advice("choose another with -D"))
        }
        Ok(there) => {
            let mode = there.mode();
            let writable = owner.is_some_and(|owner| {
                (there.uid() == owner.uid.as_raw() && mode & 0o300 == 0o300)
                    || (there.gid() == owner.gid.as_raw() && mode & 0o030 == 0o030)
                    || mode & 0o003 == 0o003
                    || owner.uid.is_root()
            });
            match writable {
                true => CheckedItem::ok("folder", format!("{shown}: {user} can write there")),
                false => CheckedItem::note(
                    "folder",
                    format!("{shown}: {user} cannot write there"),
                    command(format!("chown {} {}", quoted(user), quoted(&shown.to_string()))),
                ),
            }
        }
    }
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:@%+=,".contains(&b);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests;
