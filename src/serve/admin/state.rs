//! The state that every page is written from: the parts of the running server, shared with them.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use super::part::AdminPart;
use super::rates::Rates;
use crate::http::Drain;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::reload::history::History;
use runtime::log::writer::LineWriter;
use runtime::supervise::Supervisor;

/// Who asks at a listener.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Surface {
    /// The operator of a process that has a public listener of answers.
    OperatorOfServer,
    /// The operator of another process.
    Operator,
    /// Everybody: only parts are there.
    Everybody,
}

/// The parts of the server that pages read, shared with the code that changes them.
pub struct AdminState {
    /// When the process started.
    pub started: Instant,
    /// The data; empty until the first load has been published.
    pub live: OnceLock<Arc<Live>>,
    /// The rules of answers.
    pub answer: answer::Options,
    /// The counters.
    pub metrics: Arc<Metrics>,
    /// The outcomes of loads.
    pub history: Arc<History>,
    /// Whether the server is stopping.
    pub drain: Arc<Drain>,
    /// The supervisor of the threads.
    pub supervisor: Supervisor,
    /// The log on stderr.
    pub log: LineWriter,
    /// Further parts that the operator may ask.
    pub parts: Vec<Arc<dyn AdminPart>>,
    /// Who asks here.
    pub surface: Surface,
    rates: Mutex<Rates>,
}

impl AdminState {
    /// The state of a process that starts now.
    pub fn new(
        answer: answer::Options,
        metrics: Arc<Metrics>,
        history: Arc<History>,
        drain: Arc<Drain>,
        supervisor: Supervisor,
        log: LineWriter,
    ) -> Self {
        Self {
            supervisor,
            log,
            parts: Vec::new(),
            surface: Surface::OperatorOfServer,
            started: Instant::now(),
            live: OnceLock::new(),
            answer,
            metrics,
            history,
            drain,
            rates: Mutex::default(),
        }
    }

    /// The state of a process without a public listener, which starts now: it is ready while its parts are.
    pub fn without_server(drain: Arc<Drain>, supervisor: Supervisor, log: LineWriter) -> Self {
        let answer = answer::Options::default();
        let state = Self::new(answer, Arc::default(), Arc::default(), drain, supervisor, log);
        Self { surface: Surface::Operator, ..state }
    }

    /// The state of another listener of the same process, where everybody may ask these parts, and nothing else.
    pub fn for_everybody(&self, parts: Vec<Arc<dyn AdminPart>>) -> Self {
        let drain = Arc::clone(&self.drain);
        let state = Self::without_server(drain, self.supervisor.clone(), self.log.clone());
        Self { surface: Surface::Everybody, ..state.with_parts(parts) }
    }

    /// The same, with further parts that the operator may ask.
    pub fn with_parts(self, parts: Vec<Arc<dyn AdminPart>>) -> Self {
        Self { parts, ..self }
    }

    /// What keeps parts from working, a line for each.
    pub(super) fn troubles(&self) -> Vec<String> {
        self.parts.iter().filter_map(|part| part.trouble()).map(|text| one_line(&text)).collect()
    }

    /// The state of a server without data that answers nobody.
    #[cfg(test)]
    pub(super) fn for_tests() -> Self {
        let supervisor = Supervisor::default();
        let log =
            LineWriter::start(&supervisor, runtime::supervise::Thread::Log, std::io::sink(), 0);
        let log = log.expect("a thread");
        let answer = answer::Options::default();
        Self::new(answer, Arc::default(), Arc::default(), Arc::default(), supervisor, log)
    }

    /// Returns the rates of the last minute, locked while they are computed.
    pub(super) fn rates(&self) -> MutexGuard<'_, Rates> {
        self.rates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `text` without line breaks.
pub(super) fn one_line(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}
