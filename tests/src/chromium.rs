// SPDX-License-Identifier: BSD-2-Clause
//! A headless Chromium that shows one page, driven by its devtools protocol over two pipes: messages are JSON,
//! each followed by a NUL.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a page may take until something is true, milliseconds.
const PATIENCE: u32 = 60_000;

/// A running Chromium with one page.
pub struct Chromium {
    child: Child,
    requests: ChildStdin,
    replies: BufReader<ChildStdout>,
    next: u64,
    session: Option<String>,
    complaints: Vec<String>,
    /// Removed when Chromium has ended.
    _profile: TempDir,
}

impl Chromium {
    /// Whether there is a Chromium on this machine; if not, that is said on stderr.
    pub fn is_here() -> bool {
        let found =
            Command::new("chromium").arg("--version").output().is_ok_and(|said| said.status.success());
        if !found {
            eprintln!("chromium: not here, pages are not looked at");
        }
        found
    }

    /// Opens the page at `path` in a window of this size, pixels.
    ///
    /// # Panics
    /// If Chromium does not start.
    pub fn open(path: &Path, (width, height): (u32, u32)) -> Chromium {
        let profile = TempDir::new().expect("a folder for the profile");
        // Chromium reads requests from descriptor 3 and writes replies to 4.
        let mut child = Command::new("sh")
            .args(["-c", "exec chromium \"$@\" 3<&0 4>&1 </dev/null >/dev/null", "sh"])
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .args(["--hide-scrollbars", "--remote-debugging-pipe"])
            .arg(format!("--window-size={width},{height}"))
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh runs");
        let requests = child.stdin.take().expect("a pipe");
        let replies = BufReader::new(child.stdout.take().expect("a pipe"));
        let complaints = Vec::new();
        let mut chromium =
            Chromium { child, requests, replies, next: 0, session: None, complaints, _profile: profile };
        let target = chromium.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = chromium.call("Target.attachToTarget", attach);
        chromium.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Runtime", "Log", "Page"] {
            chromium.call(&format!("{domain}.enable"), json!({}));
        }
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        chromium.call("Emulation.setDeviceMetricsOverride", size);
        let url = format!("file://{}", path.display());
        chromium.call("Page.navigate", json!({ "url": url }));
        chromium
    }

    /// Calls a method of the protocol and returns its result.
    ///
    /// # Panics
    /// If Chromium refuses, or ends.
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        self.try_call(method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Calls a method of the protocol and returns its result, or why Chromium refuses.
    fn try_call(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        self.next += 1;
        let mut request = json!({ "id": self.next, "method": method, "params": params });
        if let Some(session) = &self.session {
            request["sessionId"] = json!(session);
        }
        write!(self.requests, "{request}\0").expect("chromium takes requests");
        loop {
            let mut reply = Vec::new();
            self.replies.read_until(0, &mut reply).expect("chromium answers");
            assert_eq!(reply.pop(), Some(0), "chromium ended at {method}");
            let reply: Value = serde_json::from_slice(&reply).expect("a message is JSON");
            if reply["id"] == self.next {
                let refused = !reply["error"].is_null();
                return if refused { Err(reply["error"].clone()) } else { Ok(reply["result"].clone()) };
            }
            self.note(&reply);
        }
    }

    /// Keeps what the page complains about.
    fn note(&mut self, event: &Value) {
        let complains = match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => true,
            Some("Runtime.consoleAPICalled") => event["params"]["type"] == "error",
            Some("Log.entryAdded") => event["params"]["entry"]["level"] == "error",
            _ => false,
        };
        if complains {
            self.complaints.push(event["params"].to_string());
        }
    }

    /// What the page's script gives for `expression`; a promise is waited for.
    ///
    /// # Panics
    /// If the expression throws.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let params = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let reply = self.call("Runtime.evaluate", params);
        assert!(reply["exceptionDetails"].is_null(), "{expression}: {}", reply["exceptionDetails"]);
        reply["result"]["value"].clone()
    }

    /// Waits until `condition` is true in the page.
    ///
    /// # Panics
    /// If that takes more than a minute.
    pub fn wait_until(&mut self, condition: &str) {
        let look = format!(
            "new Promise((done) => {{ const end = performance.now() + {PATIENCE}; \
             const look = () => ({condition}) ? done(true) : performance.now() > end ? done(false) : \
             setTimeout(look, 10); look(); }})"
        );
        let params = json!({ "expression": look, "awaitPromise": true, "returnByValue": true });
        // While a page is loaded, what looks at the one before it ends with an error.
        for _ in 0..3 {
            if let Ok(reply) = self.try_call("Runtime.evaluate", params.clone()) {
                assert_eq!(reply["result"]["value"], json!(true), "not within {PATIENCE} ms: {condition}");
                return;
            }
        }
        panic!("the page does not stay: {condition}");
    }

    /// The middle of the first element that `selector` finds, moved by a share of its size.
    pub fn place(&mut self, selector: &str, (across, down): (f64, f64)) -> (f64, f64) {
        let bounds = format!(
            "(() => {{ const box = document.querySelector({}).getBoundingClientRect(); \
             return [box.left + box.width * {across}, box.top + box.height * {down}]; }})()",
            json!(selector)
        );
        let place = self.evaluate(&bounds);
        (place[0].as_f64().expect("a number"), place[1].as_f64().expect("a number"))
    }

    /// Moves the pointer to a place.
    pub fn point(&mut self, (x, y): (f64, f64)) {
        let params = json!({ "type": "mouseMoved", "x": x, "y": y });
        self.call("Input.dispatchMouseEvent", params);
    }

    /// Drags from one place to another with the left button.
    pub fn drag(&mut self, from: (f64, f64), to: (f64, f64)) {
        self.point(from);
        for (kind, (x, y), buttons) in
            [("mousePressed", from, 1), ("mouseMoved", to, 1), ("mouseReleased", to, 0)]
        {
            let params = json!({ "type": kind, "x": x, "y": y, "button": "left", "buttons": buttons, "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", params);
        }
    }

    /// Clicks twice at a place.
    pub fn double_click(&mut self, (x, y): (f64, f64)) {
        for (kind, count) in
            [("mousePressed", 1), ("mouseReleased", 1), ("mousePressed", 2), ("mouseReleased", 2)]
        {
            let params = json!({ "type": kind, "x": x, "y": y, "button": "left", "clickCount": count });
            self.call("Input.dispatchMouseEvent", params);
        }
    }

    /// Presses a key with this text.
    pub fn key(&mut self, key: &str) {
        let text = if key.chars().count() == 1 { key } else { "" };
        self.call("Input.dispatchKeyEvent", json!({ "type": "keyDown", "key": key, "text": text }));
        self.call("Input.dispatchKeyEvent", json!({ "type": "keyUp", "key": key }));
    }

    /// The visible part of the page as PNG.
    ///
    /// # Panics
    /// If Chromium makes none.
    pub fn screenshot(&mut self) -> Vec<u8> {
        let picture = self.call("Page.captureScreenshot", json!({ "format": "png" }));
        STANDARD.decode(picture["data"].as_str().unwrap_or_default()).expect("base64")
    }

    /// Shows the page as for paper, or in the colours of a dark or a light system.
    pub fn emulate(&mut self, media: &str, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", json!({ "media": media, "features": features }));
    }

    /// Errors and exceptions of the page so far.
    pub fn complaints(&self) -> &[String] {
        &self.complaints
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
