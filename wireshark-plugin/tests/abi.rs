// SPDX-License-Identifier: GPL-2.0-or-later
//! The plugin as Wireshark's loader sees it: a shared library with a handful of symbols.

use std::env;
use std::ffi::{CStr, c_char, c_int};
use std::path::{Path, PathBuf};
use std::process::Command;

use libloading::os::unix::{Library, RTLD_LAZY, RTLD_LOCAL};

/// The library. Cargo does not build a cdylib for the tests of its own package, so this does.
fn plugin() -> PathBuf {
    let test = env::current_exe().expect("the test knows its own path");
    let profile = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST").to_owned();
    build(&profile);
    let name = format!("{}bblog{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
    let found =
        [profile.join(&name), profile.join("deps").join(&name)].into_iter().find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{name} not found in {}", profile.display()))
}

/// Builds into the same target folder and profile as the test. Does nothing if all is up to date.
fn build(profile: &Path) {
    let target = profile.parent().expect("target/PROFILE");
    let name = match profile.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--package", "bblog-wireshark", "--profile", name, "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(status.is_ok_and(|status| status.success()), "cargo build -p bblog-wireshark failed");
}

fn load() -> Library {
    // Lazily, as Wireshark does it: functions that only a running Wireshark has are looked up when called.
    // SAFETY: loading runs no code of ours; that of libwireshark's constructors is what Wireshark runs too.
    unsafe { Library::open(Some(plugin()), RTLD_LAZY | RTLD_LOCAL) }.expect("the plugin loads")
}

fn number(library: &Library, symbol: &str) -> c_int {
    // SAFETY: the loader's contract says these symbols are ints; the value is read while the library is loaded.
    unsafe { **library.get::<*const c_int>(symbol.as_bytes()).expect(symbol) }
}

#[test]
fn exports_what_the_loader_asks_for() {
    let library = load();

    let version = pkg_config::Config::new()
        .cargo_metadata(false)
        .probe("wireshark")
        .expect("pkg-config wireshark")
        .version;
    let mut parts = version.split('.').map(|part| part.parse::<c_int>().expect("a number"));
    assert_eq!(Some(number(&library, "plugin_want_major")), parts.next());
    assert_eq!(Some(number(&library, "plugin_want_minor")), parts.next());

    // SAFETY: the symbol is a NUL-terminated char array.
    let version =
        unsafe { CStr::from_ptr(*library.get::<*const c_char>(b"plugin_version").expect("plugin_version")) };
    let version = version.to_str().expect("UTF-8");
    assert!(version.starts_with(env!("CARGO_PKG_VERSION")), "{version}");
    let abi = format!(
        ", Wireshark {}.{}",
        number(&library, "plugin_want_major"),
        number(&library, "plugin_want_minor")
    );
    assert!(version.ends_with(&abi), "{version}");

    // SAFETY: only looked up, not called: registering needs a running epan.
    unsafe { library.get::<unsafe extern "C" fn()>(b"plugin_register") }.expect("plugin_register");

    // SAFETY: takes nothing, returns a bit mask.
    let describe =
        unsafe { library.get::<unsafe extern "C" fn() -> u32>(b"plugin_describe") }.expect("plugin_describe");
    // SAFETY: see above.
    assert_eq!(unsafe { describe() }, 1, "a dissector plugin, in WS_PLUGIN_DESC_* terms");
}
