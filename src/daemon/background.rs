//! Background work inside of the process that serves, where it is configured.

use std::sync::Arc;

use crate::config::Config;
use runtime::supervise::Supervisor;
use serve::admin::part::AdminPart;
use serve::admin::{Admin, AdminState};
use serve::http::watchdog::Timeouts;

use super::error::Error;
#[cfg(feature = "control")]
use super::public_pages;

/// The background work of this process; empty where none is configured, or this build has none.
pub(super) struct Background {
    #[cfg(feature = "control")]
    control: Option<control::Control>,
}

#[cfg(feature = "control")]
impl Background {
    /// Opens the store, and starts the work.
    pub(super) fn start(config: &Config, supervisor: &Supervisor) -> Result<Self, Error> {
        let start = |options| control::Control::start(options, supervisor);
        Ok(Self { control: config.control.clone().map(start).transpose()? })
    }

    /// Begins to work: nothing of the process can fail to start any more.
    pub(super) fn begin(&self) {
        self.control.iter().for_each(control::Control::begin);
    }

    /// What the operator may ask of it.
    pub(super) fn parts(&self, config: &Config) -> Result<Vec<Arc<dyn AdminPart>>, Error> {
        let hosts =
            || config.admin.as_ref().and_then(|admin| admin.hosts.clone()).unwrap_or_default();
        let part = |control: &control::Control| -> Result<Arc<dyn AdminPart>, Error> {
            Ok(Arc::new(control::part::ControlPart::new(control.handle().clone(), hosts())?))
        };
        self.control.iter().map(part).collect()
    }

    /// Starts the listener of pages for everybody, if there is to be one.
    pub(super) fn start_pages(
        &self,
        state: &AdminState,
        timeouts: Timeouts,
    ) -> Result<Option<Admin>, Error> {
        let Some(control) = &self.control else { return Ok(None) };
        public_pages::start(control.handle(), state, timeouts)
    }

    /// How many files that listener may have open.
    pub(super) fn n_pages(&self) -> usize {
        let options = self.control.as_ref().map(|control| &control.handle().options);
        let pages = options.and_then(|options| options.public_pages.as_ref());
        pages.map_or(0, |pages| 1 + pages.max_connections)
    }

    /// Asks for the data as they are now.
    pub(super) fn refresh(&self) {
        let Some(control) = &self.control else { return };
        let handle = control.handle().clone();
        // It ends by itself: the store answers, or fails.
        tokio::spawn(async move { handle.refresh("signal HUP").await });
    }

    /// Begins no more tasks.
    pub(super) fn begin_stop(&self) {
        self.control.iter().for_each(control::Control::begin_stop);
    }

    /// Returns when what runs has stopped, at the latest after the deadline of tasks.
    pub(super) async fn stop(self) {
        if let Some(control) = self.control {
            control.stop().await;
        }
    }
}

#[cfg(not(feature = "control"))]
impl Background {
    pub(super) fn start(_: &Config, _: &Supervisor) -> Result<Self, Error> {
        Ok(Self {})
    }

    pub(super) fn parts(&self, _: &Config) -> Result<Vec<Arc<dyn AdminPart>>, Error> {
        Ok(Vec::new())
    }

    pub(super) fn start_pages(&self, _: &AdminState, _: Timeouts) -> Result<Option<Admin>, Error> {
        Ok(None)
    }

    pub(super) fn n_pages(&self) -> usize {
        0
    }

    pub(super) fn begin(&self) {}

    pub(super) fn refresh(&self) {}

    pub(super) fn begin_stop(&self) {}

    pub(super) async fn stop(self) {}
}
