//! A real browser in the hands of a test: it opens a page, presses, drags, types and looks. It waits for
//! what it is told to wait for, and keeps what the page complained of and asked for.

pub mod heard;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chromiumoxide::BrowserConfig;
use chromiumoxide::cdp::browser_protocol::target::CreateTargetParams;
use chromiumoxide::cdp::browser_protocol::{dom, emulation, input, page};
use chromiumoxide::cdp::js_protocol::runtime;
use chromiumoxide::error::CdpError;
use chromiumoxide::handler::viewport::Viewport;
use chromiumoxide::keys::get_key_definition;
use chromiumoxide::page::ScreenshotParams;
use futures::StreamExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::browser::heard::Heard;
use crate::patience::{LONG, wait_until};

/// What a machine without a browser is told.
const NO_BROWSER: &str = "the tests of the page need Chromium: install it (apt-get install -y chromium), or \
                          name the program in CAIRN_CHROMIUM";
/// Programs that will do, in this order.
const PROGRAMS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
/// Width and height of the page, unless a test wants others.
const SIZE: (u32, u32) = (1280, 900);
/// How far a drag moves between two looks of the page.
const STEPS: u32 = 8;
/// Until a page is looked at again that was just being left.
const PAUSE: Duration = Duration::from_millis(50);
/// How long the browser may take to end.
const FAREWELL: Duration = Duration::from_secs(5);
/// What a page says last, so that everything it said before has been heard.
const END: &str = "the test has seen enough";
/// How elements are found: the first that is shown and can be used, by selector or by role and name.
const FIND: &str = r#"
const shown = (element) => element.getClientRects().length > 0 && !element.disabled;
const first = (selector) => [...document.querySelectorAll(selector)].find(shown);
const roles = { button: "button, summary, [role=button]", link: "a[href]" };
const named = (role, name) =>
  [...document.querySelectorAll(roles[role])].find(
    (element) => shown(element) && (element.getAttribute("aria-label") ?? element.textContent).trim() === name,
  );
const frame = () => new Promise((drawn) => requestAnimationFrame(drawn));
// The middle of an element that rests and that nothing covers. A node's middle is its disc's.
const middle = async (element) => {
  const core = element.querySelector(".node-disc") ?? element;
  const at = () => {
    const box = core.getBoundingClientRect();
    return [box.x + box.width / 2, box.y + box.height / 2];
  };
  const isFree = () => element.contains(document.elementFromPoint(...at()));
  if (!isFree()) element.scrollIntoView({ block: "center" });
  const before = at();
  await frame();
  await frame();
  const after = at();
  return isFree() && Math.hypot(after[0] - before[0], after[1] - before[1]) < 0.5 ? after : null;
};
"#;

/// A point of the page.
pub type Point = (f64, f64);

/// Chromium with an empty profile; gone when dropped.
pub struct Browser {
    runtime: Runtime,
    chromium: chromiumoxide::Browser,
    _profile: TempDir,
}

impl Browser {
    /// Starts one that can reach this machine and nothing else.
    ///
    /// # Panics
    /// When there is none.
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime can be made");
        let profile = TempDir::with_prefix("cairn-test-browser-").expect("a directory can be made");
        let viewport = Viewport { width: SIZE.0, height: SIZE.1, ..Viewport::default() };
        let config = BrowserConfig::builder()
            .chrome_executable(program())
            .new_headless_mode()
            .no_sandbox()
            .viewport(viewport)
            .user_data_dir(profile.path())
            .launch_timeout(LONG)
            .args(["disable-gpu", "no-first-run", "disable-background-networking"])
            .args(["disable-component-update", "disable-sync", "no-proxy-server"])
            .arg(("host-resolver-rules", "MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"))
            .build()
            .expect("the program is named");
        let chromium = runtime.block_on(async {
            let launched = chromiumoxide::Browser::launch(config).await;
            let (chromium, mut handler) = launched.unwrap_or_else(|error| panic!("{NO_BROWSER}: {error}"));
            tokio::spawn(async move { while let Some(Ok(())) = handler.next().await {} });
            chromium
        });
        Self { runtime, chromium, _profile: profile }
    }

    /// Opens an address of a devnet or a node and waits until its page is live.
    #[track_caller]
    pub fn open(&self, address: &str) -> Page<'_> {
        self.open_target(address, CreateTargetParams::new("about:blank"))
    }

    /// The same in a window of its own, beside the others: all of them are seen.
    #[track_caller]
    pub fn open_window(&self, address: &str) -> Page<'_> {
        let target = CreateTargetParams::builder().url("about:blank").new_window(true);
        self.open_target(address, target.build().expect("all is told"))
    }

    #[track_caller]
    fn open_target(&self, address: &str, target: CreateTargetParams) -> Page<'_> {
        let heard = Heard::default();
        let tab = self.runtime.block_on(async {
            let tab = self.chromium.new_page(target).await.expect("a page can be opened");
            heard.listen(&tab).await;
            tab.goto(address).await.expect("the page answers");
            tab
        });
        let origin = address.split('/').take(3).collect::<Vec<_>>().join("/");
        let page = Page { runtime: &self.runtime, tab, heard, origin };
        page.wait_for("the page is live", "document.body.dataset.state === 'live'");
        page
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let chromium = &mut self.chromium;
        self.runtime.block_on(async {
            // Asked to, it ends after its own children, and they write nothing more into the profile.
            let ending = async { chromium.close().await.is_ok() && chromium.wait().await.is_ok() };
            if tokio::time::timeout(FAREWELL, ending).await != Ok(true) {
                let _ = chromium.kill().await;
            }
        });
    }
}

fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let places = PROGRAMS.iter().flat_map(|name| directories.iter().map(move |place| place.join(name)));
    let chosen = std::env::var_os("CAIRN_CHROMIUM").map(PathBuf::from);
    chosen.or_else(|| places.into_iter().find(|place| place.is_file())).expect(NO_BROWSER)
}

/// An open page.
pub struct Page<'a> {
    runtime: &'a Runtime,
    tab: chromiumoxide::Page,
    heard: Heard,
    origin: String,
}

impl Page<'_> {
    #[track_caller]
    fn execute<T: chromiumoxide::Command>(&self, command: T) -> T::Response {
        self.runtime.block_on(self.tab.execute(command)).expect("the browser does it").result
    }

    /// Puts it before the others: a browser draws only the page that is in front.
    #[track_caller]
    pub fn to_front(&self) {
        self.runtime.block_on(self.tab.bring_to_front()).expect("the browser does it");
    }

    /// Closes it.
    pub fn close(self) {
        let _ = self.runtime.block_on(self.tab.close());
    }

    /// Ends the process that draws it, as a fault of the browser would.
    pub fn crash(self) {
        // What is gone answers nothing.
        let crash = self.tab.execute(page::CrashParams::default());
        let _ = self.runtime.block_on(async { tokio::time::timeout(PAUSE, crash).await });
    }

    /// The value of a JavaScript expression; of a promise, what it becomes.
    #[track_caller]
    pub fn evaluate(&self, expression: &str) -> Value {
        self.look(expression).expect("the browser does it")
    }

    /// The same; a page that is left meanwhile answers nothing.
    #[track_caller]
    fn look(&self, expression: &str) -> Result<Value, CdpError> {
        let command = runtime::EvaluateParams::builder().expression(expression);
        let command = command.await_promise(true).return_by_value(true).build().expect("all is told");
        let told = self.runtime.block_on(self.tab.execute(command))?.result;
        assert!(told.exception_details.is_none(), "{expression}: {:?}", told.exception_details);
        Ok(told.result.value.unwrap_or(Value::Null))
    }

    /// Loads the page anew and waits until it is live.
    #[track_caller]
    pub fn reload(&self) {
        self.evaluate("globalThis.isBeforeReload = true");
        self.execute(page::ReloadParams::default());
        let is_live = "!globalThis.isBeforeReload && document.body.dataset.state === 'live'";
        self.wait_for("the page is live again", is_live);
    }

    /// Waits until an expression is true of the page, and returns what it is. One that throws is not true
    /// yet.
    ///
    /// # Panics
    /// When the deadline passes: with what the page shows instead.
    #[track_caller]
    pub fn wait_for(&self, what: &str, predicate: &str) -> Value {
        let look = format!(
            "(async () => {{ {FIND}
               for (let turn = 0; turn < 20; turn += 1) {{
                 try {{ const seen = await ({predicate}); if (seen) return seen; }} catch {{}}
                 await new Promise((again) => setTimeout(again, 50));
               }}
               return null; }})()"
        );
        let start = Instant::now();
        loop {
            match self.look(&look) {
                Ok(Value::Null) => {}
                Ok(seen) => return seen,
                // Between two pages nothing is seen.
                Err(_) => std::thread::sleep(PAUSE),
            }
            let shows = || self.evaluate("document.body.innerText");
            assert!(start.elapsed() < LONG, "waited in vain for: {what}\nthe page shows: {:#}", shows());
        }
    }

    /// Waits until an element holds a text, and returns all that it holds.
    #[track_caller]
    pub fn wait_for_text(&self, selector: &str, text: &str) -> String {
        let predicate = format!(
            "first({0}).textContent.includes({1}) && first({0}).textContent",
            json!(selector),
            json!(text)
        );
        let found = self.wait_for(&format!("“{text}” in {selector}"), &predicate);
        found.as_str().expect("text").to_owned()
    }

    /// Where the middle of the first element is that a selector finds, once it rests.
    #[track_caller]
    pub fn middle(&self, selector: &str) -> Point {
        self.point(&format!("middle(first({}))", json!(selector)), selector)
    }

    /// Presses the first element that a selector finds.
    #[track_caller]
    pub fn click(&self, selector: &str) {
        let at = self.middle(selector);
        self.press_at(at);
    }

    /// Presses the element of this role (`button` or `link`) and name.
    #[track_caller]
    pub fn click_named(&self, role: &str, name: &str) {
        let at = self.point(&format!("middle(named({}, {}))", json!(role), json!(name)), name);
        self.press_at(at);
    }

    #[track_caller]
    fn point(&self, expression: &str, what: &str) -> Point {
        let at = self.wait_for(&format!("{what} at rest"), expression);
        (at[0].as_f64().expect("a number"), at[1].as_f64().expect("a number"))
    }

    #[track_caller]
    fn press_at(&self, at: Point) {
        self.mouse(input::DispatchMouseEventType::MouseMoved, at, false);
        self.mouse(input::DispatchMouseEventType::MousePressed, at, true);
        self.mouse(input::DispatchMouseEventType::MouseReleased, at, true);
    }

    /// Moves the pointer there without pressing anything.
    #[track_caller]
    pub fn hover(&self, at: Point) {
        self.mouse(input::DispatchMouseEventType::MouseMoved, at, false);
    }

    /// Presses at one point, moves to another, and lets go.
    #[track_caller]
    pub fn drag(&self, from: Point, to: Point) {
        self.mouse(input::DispatchMouseEventType::MouseMoved, from, false);
        self.mouse(input::DispatchMouseEventType::MousePressed, from, true);
        for step in 1..=STEPS {
            let part = f64::from(step) / f64::from(STEPS);
            let at = (from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part);
            self.mouse(input::DispatchMouseEventType::MouseMoved, at, true);
        }
        self.mouse(input::DispatchMouseEventType::MouseReleased, to, true);
    }

    #[track_caller]
    fn mouse(&self, kind: input::DispatchMouseEventType, at: Point, is_held: bool) {
        let event = input::DispatchMouseEventParams::builder().r#type(kind).x(at.0).y(at.1);
        let event = match is_held {
            true => event.button(input::MouseButton::Left).buttons(1).click_count(1),
            false => event,
        };
        self.execute(event.build().expect("all is told"));
    }

    /// Presses a key, named as JavaScript names it.
    #[track_caller]
    pub fn press(&self, key: &str) {
        let known = get_key_definition(key).unwrap_or_else(|| panic!("there is no key {key}"));
        let event = input::DispatchKeyEventParams::builder().key(known.key).code(known.code);
        let event = event.windows_virtual_key_code(known.key_code).native_virtual_key_code(known.key_code);
        let text = known.text.or((known.key.len() == 1).then_some(known.key));
        let down = match text {
            Some(text) => event.clone().text(text).r#type(input::DispatchKeyEventType::KeyDown),
            None => event.clone().r#type(input::DispatchKeyEventType::RawKeyDown),
        };
        self.execute(down.build().expect("all is told"));
        self.execute(event.r#type(input::DispatchKeyEventType::KeyUp).build().expect("all is told"));
    }

    /// Writes where the focus is.
    #[track_caller]
    pub fn write(&self, text: &str) {
        self.execute(input::InsertTextParams::new(text));
    }

    /// Goes from element to element by Tab until an expression is true of the one that has the focus.
    #[track_caller]
    pub fn tab_to(&self, what: &str, predicate: &str) {
        let look = format!("Boolean(((focused) => {predicate})(document.activeElement))");
        for _ in 0..100 {
            self.press("Tab");
            if self.evaluate(&look) == true {
                return;
            }
        }
        panic!("Tab does not reach {what}");
    }

    /// Goes to a room of the page.
    #[track_caller]
    pub fn enter(&self, room: &str) {
        self.evaluate(&format!("location.hash = {}", json!(room)));
    }

    /// Chooses a file in a file input.
    #[track_caller]
    pub fn choose_file(&self, selector: &str, file: &Path) {
        let input = self.runtime.block_on(self.tab.find_element(selector)).expect("there is such an input");
        let chosen = dom::SetFileInputFilesParams::builder().file(file.display().to_string());
        self.execute(chosen.backend_node_id(input.backend_node_id).build().expect("all is told"));
    }

    /// Makes the page as large as this.
    #[track_caller]
    pub fn resize(&self, width: u32, height: u32) {
        self.execute(emulation::SetDeviceMetricsOverrideParams::new(width, height, 1.0, false));
    }

    /// Lets the system prefer dark colours.
    #[track_caller]
    pub fn prefer_dark(&self) {
        let dark = emulation::MediaFeature::new("prefers-color-scheme", "dark");
        self.execute(emulation::SetEmulatedMediaParams::builder().feature(dark).build());
    }

    /// Keeps a picture for the documentation, when CAIRN_PICTURES=1 asks for it.
    #[track_caller]
    pub fn picture(&self, name: &str) {
        if std::env::var("CAIRN_PICTURES").is_ok_and(|wanted| wanted == "1") {
            let png = ScreenshotParams::builder().format(page::CaptureScreenshotFormat::Png).build();
            let bytes = self.runtime.block_on(self.tab.screenshot(png)).expect("a picture can be taken");
            let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/pictures");
            std::fs::write(pictures.join(format!("dashboard-{name}.png")), bytes).expect("it can be kept");
        }
    }

    /// Claims that the page opened no dialog, complained of nothing, and asked nobody but its own server.
    #[track_caller]
    pub fn assert_quiet(&self) {
        self.evaluate(&format!("console.error({})", json!(END)));
        wait_until("the page's last word", || self.heard.errors.all().iter().any(|error| error == END));
        let mut errors = self.heard.errors.all();
        errors.retain(|error| error != END);
        assert_eq!((errors, self.heard.dialogs.all()), (Vec::new(), Vec::new()));
        let requests = self.heard.requests.all();
        let own = format!("{}/", self.origin);
        let others = requests.iter().filter(|url| !url.starts_with(&own) && !url.starts_with("data:"));
        assert_eq!(others.collect::<Vec<_>>(), Vec::<&String>::new());
        assert!(requests.iter().any(|url| url.ends_with("/assets/app.js")), "{requests:?}");
    }
}
