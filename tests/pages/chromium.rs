//! A headless Chromium, driven by the DevTools protocol over a pipe: no driver and no port.
//!
//! Messages are JSON, each followed by a NUL. What has to happen first is awaited as an event; the only time
//! limit says that the browser hangs.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::debian::{Outcome, Packages};

const PACKAGES: Packages = Packages {
    suite: "the suite of pages",
    why_root: None,
    needed: &[("chromium", "/usr/bin/chromium")],
};

/// After so long without a message that is awaited, the browser hangs.
const HANGS: Duration = Duration::from_secs(120);

/// A browser with one page.
pub struct Browser {
    child: Child,
    commands: ChildStdin,
    messages: Receiver<Value>,
    /// Events that nobody has awaited yet.
    events: Vec<Value>,
    last_id: u64,
    session: Option<String>,
    _profile: TempDir,
}

impl Browser {
    /// Starts one with an empty profile. Without the package, the test ends.
    pub fn start() -> Self {
        static OUTCOME: OnceLock<Outcome> = OnceLock::new();
        PACKAGES.require(&OUTCOME);
        let profile = tempfile::tempdir().unwrap();
        // The browser reads commands from 3 and writes to 4.
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 0</dev/null 1>&2", "/usr/bin/chromium"]);
        command.args(["--headless", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu"]);
        command.args(["--disable-dev-shm-usage", "--disable-background-networking", "--lang=en"]);
        command.arg(format!("--user-data-dir={}", profile.path().display()));
        if rustix::process::geteuid().is_root() {
            // The sandbox does not work for root.
            command.arg("--no-sandbox");
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (commands, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let mut output = BufReader::new(output);
            let mut message = Vec::new();
            while output.read_until(0, &mut message).is_ok_and(|n| n > 0) {
                message.pop();
                let read = serde_json::from_slice(&message).unwrap();
                if sender.send(read).is_err() {
                    break;
                }
                message.clear();
            }
        });
        let mut browser = Self {
            child,
            commands,
            messages,
            events: Vec::new(),
            last_id: 0,
            session: None,
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = browser.call("Target.attachToTarget", attach);
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        browser.call("Page.enable", json!({}));
        browser.call("Network.enable", json!({}));
        browser
    }

    /// Runs a method of the protocol.
    #[track_caller]
    pub fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.last_id += 1;
        let id = self.last_id;
        let mut message = json!({ "id": id, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        let text = message.to_string() + "\0";
        self.commands.write_all(text.as_bytes()).unwrap();
        loop {
            let mut message = self.next(method);
            if message["id"] == id {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].take();
            }
            self.events.push(message);
        }
    }

    /// Waits for an event.
    #[track_caller]
    fn event(&mut self, name: &str) -> Value {
        loop {
            if let Some(place) = self.events.iter().position(|event| event["method"] == name) {
                return self.events.remove(place);
            }
            let message = self.next(name);
            self.events.push(message);
        }
    }

    #[track_caller]
    fn next(&mut self, awaited: &str) -> Value {
        let message = self.messages.recv_timeout(HANGS);
        message.unwrap_or_else(|error| panic!("Chromium did not answer to {awaited}: {error}"))
    }

    /// Sets the size of the window and the colours that the user prefers.
    pub fn dress(&mut self, width: u32, scheme: &str) {
        let size =
            json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", size);
        // As on a phone, where they take no room.
        self.call("Emulation.setScrollbarsHidden", json!({ "hidden": true }));
        let feature = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": feature }));
    }

    /// Switches scripts of pages off. What tests evaluate still runs.
    pub fn forbid_scripts(&mut self) {
        self.call("Emulation.setScriptExecutionDisabled", json!({ "value": true }));
    }

    /// Loads a page, and waits until it is there.
    #[track_caller]
    pub fn open(&mut self, url: &str) {
        self.events.clear();
        let outcome = self.call("Page.navigate", json!({ "url": url }));
        assert!(outcome["errorText"].is_null(), "{url}: {outcome}");
        self.event("Page.loadEventFired");
    }

    /// Waits until a page is loaded by itself.
    #[track_caller]
    pub fn await_load(&mut self) {
        self.event("Page.loadEventFired");
    }

    /// The URLs that were asked for since the page was opened, without pictures that the browser has in itself.
    pub fn asked(&self) -> Vec<String> {
        let asked =
            self.events.iter().filter(|event| event["method"] == "Network.requestWillBeSent");
        asked
            .filter_map(|event| event["params"]["request"]["url"].as_str())
            .filter(|url| !url.starts_with("data:"))
            .map(str::to_owned)
            .collect()
    }

    /// Evaluates an expression in the page, and awaits it if it is a promise.
    #[track_caller]
    pub fn eval(&mut self, expression: &str) -> Value {
        let parameters =
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut outcome = self.call("Runtime.evaluate", parameters);
        assert!(outcome["exceptionDetails"].is_null(), "{}", outcome["exceptionDetails"]);
        outcome["result"]["value"].take()
    }

    /// Evaluates to a text.
    #[track_caller]
    pub fn text(&mut self, expression: &str) -> String {
        let value = self.eval(expression);
        value.as_str().unwrap_or_else(|| panic!("{expression} is {value}")).to_owned()
    }

    /// Presses a key.
    pub fn press(&mut self, key: &str, code: u32) {
        for kind in ["rawKeyDown", "char", "keyUp"] {
            let text = if key == "Enter" { "\r" } else { " " };
            let mut event =
                json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
            if kind == "char" {
                if key == "Tab" {
                    continue;
                }
                event["text"] = text.into();
            }
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// Moves the focus to an element, as a click does.
    #[track_caller]
    pub fn focus(&mut self, selector: &str) {
        let document = self.call("DOM.getDocument", json!({ "depth": 0 }));
        let node = json!({ "nodeId": document["root"]["nodeId"], "selector": selector });
        let found = self.call("DOM.querySelector", node);
        assert!(found["nodeId"] != 0, "there is no {selector}");
        self.call("DOM.focus", json!({ "nodeId": found["nodeId"] }));
    }

    /// Types into an element.
    #[track_caller]
    pub fn type_into(&mut self, selector: &str, text: &str) {
        self.focus(selector);
        self.call("Input.insertText", json!({ "text": text }));
    }

    /// Presses Enter, and waits for the page that comes.
    #[track_caller]
    pub fn enter(&mut self) {
        self.events.clear();
        self.press("Enter", 13);
        self.event("Page.loadEventFired");
    }

    /// A picture of the whole page, as PNG in base64.
    pub fn picture(&mut self) -> String {
        let parameters = json!({ "format": "png", "captureBeyondViewport": true });
        let picture = self.call("Page.captureScreenshot", parameters);
        picture["data"].as_str().unwrap().to_owned()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It ends its processes itself, so that none of them writes into the profile any more.
        self.session = None;
        let close = json!({ "id": self.last_id + 1, "method": "Browser.close" });
        drop(self.commands.write_all((close.to_string() + "\0").as_bytes()));
        while self.messages.recv_timeout(HANGS).is_ok() {}
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
