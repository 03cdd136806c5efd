//! `cairn top`: looks at a devnet and steers it, in a terminal.

use std::io::{IsTerminal, stdout};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use anyhow::{Context, bail};
use cairn_daemon::api::tagged::split;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use serde::de::IgnoredAny;

use crate::cli::which_devnet::WhichDevnet;
use crate::devnet::client::Client;
use crate::devnet::command::DevnetCommand;
use crate::top::draw::draw;
use crate::top::keys::{Deed, Hand};
use crate::top::scene::Scene;
use crate::top::screen::{Screen, end_by, send_signals};

/// How often the devnet is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// How long a key may wait for the screen.
const TICK: Duration = Duration::from_millis(50);
/// Blocks that are asked for: more than fit on any screen.
const BLOCKS: usize = 200;

/// What the threads that speak with the devnet tell the one that draws.
enum News {
    Seen(Box<Scene>),
    /// Nothing is seen, and why.
    Lost(String),
    Said(String),
    /// The program is to end.
    Signal(i32),
}

/// Runs `cairn top`.
///
/// # Errors
/// When no devnet runs, or there is no terminal.
pub fn run(which: &WhichDevnet) -> anyhow::Result<()> {
    let client = Client::find(which.wanted().as_deref())?;
    if !stdout().is_terminal() {
        bail!("cairn top draws on a terminal; `cairn net status` writes for anything else");
    }
    // A devnet that is gone is said before the screen is taken.
    let first = Scene::from(client.view(BLOCKS)?);
    let (sender, news) = channel();
    if let Some(notice) = client.found.notice("--devnet") {
        sender.send(News::Said(notice))?;
    }
    look_on_and_on(client.clone(), sender.clone());
    let steps = carry_out(client, sender.clone());
    send_signals(sender, News::Signal).context("cannot listen for signals")?;
    let mut screen = Screen::take().context("cannot draw on this terminal")?;
    let outcome = watch(&mut screen.0, first, &news, &steps);
    drop(screen);
    match outcome? {
        Some(signal) => end_by(signal),
        None => Ok(()),
    }
}

/// Draws until a key or a signal ends it; returns the signal.
fn watch(
    terminal: &mut DefaultTerminal,
    mut scene: Scene,
    news: &Receiver<News>,
    steps: &Sender<DevnetCommand>,
) -> anyhow::Result<Option<i32>> {
    let (mut hand, mut said, mut is_lost) = (Hand::default(), String::new(), false);
    loop {
        terminal.draw(|frame| draw(frame, &scene, &hand, &said))?;
        if event::poll(TICK)?
            && let Event::Key(key) = event::read()?
            && key.kind == KeyEventKind::Press
        {
            match hand.press(key, &scene) {
                Deed::Nothing => {}
                Deed::Quit => return Ok(None),
                Deed::Say(text) => text.clone_into(&mut said),
                Deed::Send(command) => {
                    said = format!("{} …", split(&command).0);
                    steps.send(command)?;
                }
            }
        }
        for news in news.try_iter() {
            match news {
                News::Seen(seen) => {
                    scene = *seen;
                    if std::mem::take(&mut is_lost) {
                        said.clear();
                    }
                }
                News::Lost(why) => (said, is_lost) = (why, true),
                News::Said(text) => (said, is_lost) = (text, false),
                News::Signal(signal) => return Ok(Some(signal)),
            }
        }
    }
}

/// Looks on a thread of its own, so that a slow devnet holds up no key.
fn look_on_and_on(client: Client, news: Sender<News>) {
    std::thread::spawn(move || {
        loop {
            let seen = match client.view(BLOCKS) {
                Ok(view) => News::Seen(Box::new(view.into())),
                Err(error) => News::Lost(error.to_string()),
            };
            if news.send(seen).is_err() {
                return;
            }
            std::thread::sleep(LOOK);
        }
    });
}

/// Carries out steps one after another, on a thread of its own.
fn carry_out(client: Client, news: Sender<News>) -> Sender<DevnetCommand> {
    let (sender, steps) = channel::<DevnetCommand>();
    std::thread::spawn(move || {
        for command in steps {
            let name = split(&command).0;
            let said = match client.send::<IgnoredAny>(&command) {
                Ok(_) => format!("{name}: done"),
                Err(error) => format!("{name}: {error}"),
            };
            if news.send(News::Said(said)).is_err() {
                return;
            }
        }
    });
    sender
}
