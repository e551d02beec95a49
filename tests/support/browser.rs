//! Chromium without a window, driven over a pipe by the DevTools protocol: JSON messages, each
//! ended by a NUL.

use crate::Folder;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

/// Starting a browser takes a while on a busy machine; a test that comes here has failed.
const LONG: Duration = Duration::from_secs(60);

const FLAGS: [&str; 12] = [
    "--headless",
    // The tests may run as root, for which Chromium has no sandbox; all it gets to see is this
    // repository's pages.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
    "about:blank",
];

/// A browser with one page, closed when it is dropped.
pub struct Browser {
    child: Child,
    commands: Option<ChildStdin>,
    messages: Receiver<Value>,
    session: Option<String>,
    sent: u64,
    /// What has happened and was not asked for yet.
    events: Vec<Value>,
    /// Outlives the browser.
    _profile: Folder,
}

impl Browser {
    /// Starts Chromium; `None`, and why, if there is none.
    pub fn start() -> Option<Self> {
        let there = Command::new("chromium")
            .arg("--version")
            .stderr(Stdio::null())
            .output();
        if !there.is_ok_and(|output| output.status.success()) {
            eprintln!(
                "skipped: there is no chromium, so the guide is not tried in a browser; `make test` installs it"
            );
            return None;
        }
        let profile = Folder::new();
        let mut child = Command::new("sh")
            // Chromium reads commands from descriptor 3 and writes answers to 4.
            .args([
                "-c",
                "exec chromium \"$@\" 3<&0 4>&1 </dev/null >/dev/null",
                "sh",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .args(FLAGS)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // All its processes are one group, so that none is left behind.
            .process_group(0)
            .spawn()
            .unwrap();
        let (give, messages) = mpsc::channel();
        let answers = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for message in answers.split(0).map_while(Result::ok) {
                let message = serde_json::from_slice(&message).unwrap();
                if give.send(message).is_err() {
                    break;
                }
            }
        });
        let commands = child.stdin.take();
        let mut browser = Browser {
            child,
            commands,
            messages,
            session: None,
            sent: 0,
            events: Vec::new(),
            _profile: profile,
        };
        let page = browser.call("Target.createTarget", &json!({"url": "about:blank"}));
        let target = json!({"targetId": page["targetId"], "flatten": true});
        let attached = browser.call("Target.attachToTarget", &target);
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Network", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        Some(browser)
    }

    /// Calls a method, and gives its result.
    pub fn call(&mut self, method: &str, params: &Value) -> Value {
        self.sent += 1;
        let mut command = json!({"id": self.sent, "method": method, "params": params});
        if let Some(session) = &self.session {
            command["sessionId"] = json!(session);
        }
        let mut bytes = serde_json::to_vec(&command).unwrap();
        bytes.push(0);
        self.commands.as_mut().unwrap().write_all(&bytes).unwrap();
        loop {
            let mut message = self.next(method);
            if message["id"] == self.sent {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].take();
            }
            self.events.push(message);
        }
    }

    /// Goes to a page, and waits until all that it names is there. Gives what has gone wrong with
    /// it.
    pub fn open(&mut self, url: &str) -> Vec<String> {
        self.events.clear();
        let gone = self.call("Page.navigate", &json!({"url": url}));
        assert!(gone["errorText"].is_null(), "{url}: {gone}");
        self.wait_for("Page.loadEventFired");
        self.complaints()
    }

    /// Waits until something has happened since the page was opened, or what was waited for last.
    pub fn wait_for(&mut self, method: &str) {
        let is_it = |event: &Value| event["method"] == method;
        while !self.events.iter().any(is_it) {
            let event = self.next(method);
            self.events.push(event);
        }
        self.events.retain(|event| !is_it(event));
    }

    /// What has gone wrong since the page was opened.
    pub fn complaints(&mut self) -> Vec<String> {
        // Whatever happened before this is answered has been told by then.
        self.evaluate("0");
        let bad = |event: &&Value| {
            let params = &event["params"];
            match event["method"].as_str().unwrap_or_default() {
                "Runtime.exceptionThrown" | "Network.loadingFailed" => true,
                "Runtime.consoleAPICalled" => ["error", "warning", "assert"]
                    .iter()
                    .any(|kind| params["type"] == *kind),
                "Log.entryAdded" => ["error", "warning"]
                    .iter()
                    .any(|level| params["entry"]["level"] == *level),
                "Network.responseReceived" => params["response"]["status"].as_u64() >= Some(400),
                _ => false,
            }
        };
        let complaints = self.events.iter().filter(bad);
        complaints
            .map(|event| {
                format!(
                    "{event}, of {}",
                    self.request(&event["params"]["requestId"])
                )
            })
            .collect()
    }

    /// Which request an event is about.
    fn request(&self, id: &Value) -> String {
        let mut sent = self
            .events
            .iter()
            .filter(|event| event["method"] == "Network.requestWillBeSent");
        let sent = sent.find(|event| event["params"]["requestId"] == *id);
        sent.map_or("none".to_owned(), |sent| {
            sent["params"]["request"].to_string()
        })
    }

    /// The value of an expression on the page; a promise is waited for.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let params = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let mut result = self.call("Runtime.evaluate", &params);
        assert!(
            result["exceptionDetails"].is_null(),
            "{expression}: {result}"
        );
        result["result"]["value"].take()
    }

    fn next(&self, what: &str) -> Value {
        let message = self.messages.recv_timeout(LONG);
        message.unwrap_or_else(|error| panic!("the browser says nothing of {what}: {error}"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The end of the commands is the end of the browser, which the end of its answers tells; if
        // not, it is made to.
        drop(self.commands.take());
        let ended = loop {
            match self.messages.recv_timeout(Duration::from_secs(5)) {
                Ok(_) => {}
                Err(error) => break error == mpsc::RecvTimeoutError::Disconnected,
            }
        };
        if !ended {
            let group = format!("-{}", self.child.id());
            let _ = Command::new("kill")
                .args(["-s", "KILL", "--", &group])
                .status();
        }
        let _ = self.child.wait();
    }
}
