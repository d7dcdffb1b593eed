// SPDX-License-Identifier: GPL-2.0-or-later
//! The exports of the shared library: the plugin's ABI, and the functions that the C half calls.
//!
//! Each function here turns C's pointers into slices, and panics into "nothing decoded": no panic may unwind
//! into C. Wireshark dissects in one thread; the state is that thread's.

use std::cell::RefCell;
use std::ffi::{CStr, CString, OsStr, c_char, c_int};
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::{ptr, slice};

use bblog_pcapng::{block, elog, netflix};

use crate::catalog;
use crate::decode::decode;
use crate::ffi;
use crate::frames::Frames;
use crate::items::{Items, NONE};
use crate::registry;
use crate::request::{self, Answer, FrameBytes, Request};
use crate::sections::{SectionKey, SectionOption, Sections};

/// What `WS_PLUGIN_DESC_DISSECTOR` is in the headers that have it (4.4 and later).
const DESCRIBES_DISSECTOR: u32 = 1;

/// The version of the plugin and of the Wireshark it is for, as the list of plugins shows them: a NUL-terminated
/// `char[]`.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals)]
pub static plugin_version: [c_char; VERSION.len() + ABI.len() + 1] = {
    let mut chars = [0; VERSION.len() + ABI.len() + 1];
    let mut at = 0;
    while at < VERSION.len() + ABI.len() {
        let byte = if at < VERSION.len() { VERSION[at] } else { ABI[at - VERSION.len()] };
        chars[at] = byte as c_char;
        at += 1;
    }
    chars
};
const VERSION: &[u8] = bblog_version::VERSION.as_bytes();
const ABI: &[u8] =
    concat!(", Wireshark ", env!("BBLOG_WANT_MAJOR"), ".", env!("BBLOG_WANT_MINOR")).as_bytes();

/// The major version of the Wireshark that the plugin is built for.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals)]
pub static plugin_want_major: c_int = number(env!("BBLOG_WANT_MAJOR"));

/// The minor version of the Wireshark that the plugin is built for.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals)]
pub static plugin_want_minor: c_int = number(env!("BBLOG_WANT_MINOR"));

const fn number(digits: &str) -> c_int {
    match c_int::from_str_radix(digits, 10) {
        Ok(number) => number,
        Err(_) => panic!("build.rs gives numbers"),
    }
}

/// Called once by Wireshark when it has loaded the plugin.
#[unsafe(no_mangle)]
pub extern "C" fn plugin_register() {
    // SAFETY: Wireshark calls this while it starts, in its only thread, which is when plugins have to
    // register; the shim only hands static tables to epan, and nothing there throws.
    unsafe { ffi::bblog_shim_register() }
}

/// What kind of plugin this is, from Wireshark 4.4 on.
#[unsafe(no_mangle)]
pub extern "C" fn plugin_describe() -> u32 {
    DESCRIBES_DISSECTOR
}

/// What lives from packet to packet.
#[derive(Default)]
struct State {
    sections: Sections,
    frames: Frames,
    items: Items,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

/// Runs `work` on the state; `None` if it panicked.
fn with_state<T>(work: impl FnOnce(&mut State) -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(|| STATE.with(|state| work(&mut state.borrow_mut())))).ok()
}

/// # Safety
/// `data` points to `len` readable bytes that stay as they are for `'a`, or `data` is null.
unsafe fn bytes<'a>(data: *const u8, len: usize) -> &'a [u8] {
    if data.is_null() || len > isize::MAX as usize {
        return &[];
    }
    // SAFETY: as the caller promises; the length was checked.
    unsafe { slice::from_raw_parts(data, len) }
}

/// Reads the user's schemas, and gives a list of faults that ends with a null pointer.
///
/// # Safety
/// `preferences` is null or a NUL-terminated path.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bblog_schemas_load(preferences: *const c_char) -> *const *const c_char {
    let path = (!preferences.is_null()).then(|| {
        // SAFETY: as the caller promises.
        Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(preferences) }.to_bytes()))
    });
    let faults = catch_unwind(|| catalog::load(path)).unwrap_or_default();
    // Leaked, as C may keep them: at most a line for each file.
    let lines =
        faults.into_iter().map(|fault| CString::new(fault).unwrap_or_default().into_raw().cast_const());
    lines.chain([ptr::null()]).collect::<Vec<_>>().leak().as_ptr()
}

/// The fields to register; the same every time, and never freed.
#[unsafe(no_mangle)]
pub extern "C" fn bblog_registry_get() -> *const ffi::bblog_registry {
    catch_unwind(registry::get).map_or(&registry::EMPTY.0, |registry| &registry.0)
}

/// Takes the preference for the names of stacks.
///
/// # Safety
/// `preference` is null or a NUL-terminated text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bblog_stacks_assume(preference: *const c_char) {
    if !preference.is_null() {
        // SAFETY: as the caller promises.
        let text = unsafe { CStr::from_ptr(preference) }.to_string_lossy();
        with_state(|state| state.sections.assume_stacks(&text));
    }
}

/// Forgets the facts of all sections.
#[unsafe(no_mangle)]
pub extern "C" fn bblog_sections_clear() {
    with_state(|state| state.sections.clear());
}

/// Forgets what was kept of frames, and the facts of all sections.
#[unsafe(no_mangle)]
pub extern "C" fn bblog_frames_clear() {
    with_state(|state| {
        state.sections.clear();
        state.frames.clear();
    });
}

/// Makes a section known, and notes the options that follow as its own.
///
/// # Safety
/// `section` points to a section.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bblog_section_enter(section: *const ffi::bblog_section) {
    // SAFETY: as the caller promises.
    let key = key(unsafe { &*section });
    with_state(|state| state.sections.enter(key));
}

/// Notes an option of the section entered last.
///
/// # Safety
/// `option` points to an option, whose data are as long as it says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bblog_section_option(option: *const ffi::bblog_option) {
    // SAFETY: as the caller promises.
    let option = unsafe { &*option };
    // SAFETY: as the caller promises.
    let data = unsafe { bytes(option.data, option.len) };
    let option = match option.kind as ffi::bblog_option_kind {
        ffi::BBLOG_OPTION_NETFLIX => SectionOption::Netflix(option.type_, data),
        ffi::BBLOG_OPTION_FREEBSD => SectionOption::Freebsd(data),
        _ => SectionOption::Os(data),
    };
    with_state(|state| state.sections.note(option));
}

/// Decodes one record into a flat list of items, valid until the next call. False, and nothing is decoded, if its section
/// was not entered yet.
///
/// # Safety
/// `request` points to a request, whose byte ranges are as long as it says; `result` points to
/// memory for a result.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bblog_decode(
    request: *const ffi::bblog_request,
    result: *mut ffi::bblog_result,
) -> bool {
    // SAFETY: as the caller promises.
    let request = unsafe { &*request };
    // SAFETY: as the caller promises.
    let result = unsafe { &mut *result.cast::<MaybeUninit<ffi::bblog_result>>() };
    // SAFETY: as the caller promises, here and for the verbose part.
    let data = unsafe { bytes(request.data, request.len) };
    // SAFETY: see above.
    let verbose = unsafe { bytes(request.verbose, request.verbose_len) };
    // SAFETY: see above.
    let packet = unsafe { bytes(request.packet, request.packet_len) };
    let preference = request.kernel;
    let request = Request {
        input: match request.input as u32 {
            ffi::BBLOG_INPUT_RECORD => FrameBytes::Record { data, verbose, packet },
            ffi::BBLOG_INPUT_EVENTLOG => FrameBytes::Eventlog { data, packet },
            _ => FrameBytes::Nothing,
        },
        want: request.want,
        section: key(&request.section),
        frame: request.frame,
        first: request.first,
    };
    let kernel = request::kernel(preference);
    let decoded = with_state(|state| {
        state.items.clear();
        state.sections.assume_kernel(kernel);
        let Some((section, assumed)) = state.sections.get(request.section) else { return false };
        let decoded = decode(&request, section, assumed, &mut state.frames, &mut state.items);
        result.write(answer(&decoded, &state.items));
        true
    });
    if let Some(is_decoded) = decoded {
        return is_decoded;
    }
    let failed = with_state(|state| {
        state.items.clear();
        let problem = state.items.text("the plugin failed to decode this record");
        result.write(answer(&Answer { problem, ..Answer::default() }, &state.items));
    });
    if failed.is_none() {
        result.write(answer(&Answer::default(), &Items::default()));
    }
    true
}

fn key(section: &ffi::bblog_section) -> SectionKey {
    SectionKey { file: section.file.addr(), number: section.number }
}

fn answer(decoded: &Answer, items: &Items) -> ffi::bblog_result {
    let (local, foreign) = match &decoded.connection {
        Some((local, foreign)) => (endpoint(local), endpoint(foreign)),
        None => (NO_ENDPOINT, NO_ENDPOINT),
    };
    ffi::bblog_result {
        items: items.as_slice().as_ptr(),
        len: items.as_slice().len(),
        texts: items.texts().as_ptr().cast(),
        name: decoded.name,
        name_offset: decoded.number.start as u32,
        name_length: decoded.number.len() as u32,
        summary: decoded.summary,
        problem: decoded.problem,
        provider: decoded.provider,
        alerts: items.alerts().as_ptr(),
        alerts_len: items.alerts().len(),
        state: decoded.state,
        stack: decoded.stack,
        timer: decoded.timer,
        action: decoded.action,
        limit: decoded.limit,
        elapsed: decoded.elapsed,
        flow: decoded.flow,
        resent: decoded.resent,
        new_conversation: decoded.new_conversation,
        local,
        foreign,
    }
}

const NO_ENDPOINT: ffi::bblog_endpoint = ffi::bblog_endpoint { address: [0; 16], address_len: 0, port: 0 };

fn endpoint(endpoint: &SocketAddr) -> ffi::bblog_endpoint {
    let mut out = ffi::bblog_endpoint { port: endpoint.port(), ..NO_ENDPOINT };
    match endpoint.ip() {
        IpAddr::V4(address) => {
            out.address[..4].copy_from_slice(&address.octets());
            out.address_len = 4;
        }
        IpAddr::V6(address) => {
            out.address = address.octets();
            out.address_len = 16;
        }
    }
    out
}

const _: () = assert!(NONE == u32::MAX);
// C distinguishes options before Rust sees them, by the numbers of the crate that writes them.
const _: () = {
    assert!(ffi::BBLOG_PEN_NETFLIX == netflix::PEN && ffi::BBLOG_PEN_FREEBSD == elog::PEN);
    assert!(ffi::BBLOG_NETFLIX_TCPINFO == netflix::TCPINFO);
    assert!(ffi::BBLOG_NETFLIX_VERBOSE == netflix::TCPVERBOSE);
    assert!(ffi::BBLOG_CUSTOM_COPY == block::OPT_CUSTOM as u32);
    assert!(ffi::BBLOG_CUSTOM_NO_COPY == block::OPT_CUSTOM_NO_COPY as u32);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_pointers_are_no_bytes() {
        let section = ffi::bblog_section { file: ptr::null(), number: 7 };
        for input in [ffi::BBLOG_INPUT_RECORD, ffi::BBLOG_INPUT_EVENTLOG, ffi::BBLOG_INPUT_NOTHING, 99] {
            let request = ffi::bblog_request {
                input: input as i32,
                want: u32::MAX,
                kernel: -1,
                section,
                frame: u32::MAX,
                first: false,
                data: ptr::null(),
                len: 10,
                verbose: ptr::null(),
                verbose_len: usize::MAX,
                packet: ptr::null(),
                packet_len: 1,
            };
            let mut result = MaybeUninit::uninit();
            // SAFETY: all point to what the functions require.
            let is_decoded = unsafe {
                bblog_section_enter(&raw const section);
                bblog_decode(&raw const request, result.as_mut_ptr())
            };
            assert!(is_decoded);
            // SAFETY: written by the call.
            let result = unsafe { result.assume_init() };
            assert_eq!((result.len, result.name, result.local.address_len), (0, NONE, 0));
        }
    }

    #[test]
    fn a_panic_is_no_answer() {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        assert_eq!(with_state::<()>(|_| panic!("in a test")), None);
        std::panic::set_hook(hook);
        assert_eq!(with_state(|state| state.items.as_slice().len()), Some(0));
    }
}
