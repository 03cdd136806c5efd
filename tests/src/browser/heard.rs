//! What a page has said and asked while a test looked at it.

use std::sync::{Arc, Mutex, PoisonError};

use chromiumoxide::Page;
use chromiumoxide::cdp::IntoEventKind;
use chromiumoxide::cdp::browser_protocol::{log, network, page};
use chromiumoxide::cdp::js_protocol::runtime;
use futures::StreamExt;
use serde_json::Value;

/// What a page has done that a test must know of.
#[derive(Default)]
pub struct Heard {
    /// Errors that the page told the console, and those that nobody caught.
    pub errors: List,
    /// Addresses that it asked.
    pub requests: List,
    /// Words of the dialogs that it opened.
    pub dialogs: List,
}

/// A list that grows while the page lives.
#[derive(Clone, Default)]
pub struct List(Arc<Mutex<Vec<String>>>);

impl List {
    fn push(&self, text: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }

    /// What it holds now.
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Heard {
    /// Listens to a page from here on.
    ///
    /// # Panics
    /// When the browser does not let it.
    pub async fn listen(&self, tab: &Page) {
        tab.execute(log::EnableParams::default()).await.expect("logs can be heard");
        tab.execute(network::EnableParams::default()).await.expect("requests can be heard");
        tab.execute(runtime::EnableParams::default()).await.expect("errors can be heard");
        let requests = self.requests.clone();
        each(tab, move |event: &network::EventRequestWillBeSent| {
            requests.push(event.request.url.clone());
        })
        .await;
        let errors = self.errors.clone();
        each(tab, move |event: &runtime::EventConsoleApiCalled| {
            if matches!(event.r#type, runtime::ConsoleApiCalledType::Error) {
                let words = event.args.iter().map(|arg| match &arg.value {
                    Some(Value::String(text)) => text.clone(),
                    value => format!("{value:?}"),
                });
                errors.push(words.collect::<Vec<_>>().join(" "));
            }
        })
        .await;
        let errors = self.errors.clone();
        each(tab, move |event: &runtime::EventExceptionThrown| {
            errors.push(format!("{:?}", event.exception_details));
        })
        .await;
        let errors = self.errors.clone();
        each(tab, move |event: &log::EventEntryAdded| {
            if matches!(event.entry.level, log::LogEntryLevel::Error) {
                errors.push(format!("{} {:?}", event.entry.text, event.entry.url));
            }
        })
        .await;
        let (dialogs, held) = (self.dialogs.clone(), tab.clone());
        each(tab, move |event: &page::EventJavascriptDialogOpening| {
            dialogs.push(event.message.clone());
            let held = held.clone();
            tokio::spawn(async move { held.execute(page::HandleJavaScriptDialogParams::new(false)).await });
        })
        .await;
    }
}

/// Calls for each event of a kind, as long as the page lives.
async fn each<T>(tab: &Page, mut hear: impl FnMut(&T) + Send + 'static)
where
    T: IntoEventKind + Unpin + Send + Sync + 'static,
{
    let mut events = tab.event_listener::<T>().await.expect("events can be heard");
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            hear(&event);
        }
    });
}
