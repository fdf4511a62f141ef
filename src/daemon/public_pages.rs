//! The listener of pages for everybody.

use std::sync::Arc;

use control::component::Handle;
use control::options::PublicPages;
use control::public::PublicPart;
use serve::admin::{self, Admin, AdminState};
use serve::http::listener::{OtherFiles, connections_within_file_limit};
use serve::http::watchdog::Timeouts;

use super::error::Error;

/// The most bytes that are held for clients that do not read. Pages themselves are shared by all that are sent them.
const UNSENT_BYTES: u64 = 64 << 20;

/// Starts the listener that the options of background work name, if they name one, in the process of `state`.
pub(super) fn start(
    handle: &Handle,
    state: &AdminState,
    timeouts: Timeouts,
) -> Result<Option<Admin>, Error> {
    let Some(PublicPages { address, max_connections }) = handle.options.public_pages.clone() else {
        return Ok(None);
    };
    let options = admin::Options {
        address: address.clone(),
        hosts: None,
        timeouts,
        max_connections,
        unsent_bytes: UNSENT_BYTES,
    };
    let of_pages = state.for_everybody(vec![Arc::new(PublicPart::new(handle))]);
    let started = Admin::start(options, Arc::new(of_pages), &state.supervisor);
    started.map(Some).map_err(|error| Error::PublicAddress { address, error })
}

/// Lowers the number of connections to what the limit of open files leaves in a process that serves nothing else.
pub(super) fn fit_connections(pages: &mut PublicPages) {
    let others = OtherFiles { n_workers: 1, n_listeners: 1, n_admin: 1 + admin::MAX_CONNECTIONS };
    let n = connections_within_file_limit(pages.max_connections, others);
    if n < pages.max_connections {
        tracing::warn!(
            "pages for everybody have {n} connections at a time instead of public_connections = {}: the limit of \
             open files is too low; raise it (LimitNOFILE=, ulimit -n)",
            pages.max_connections
        );
        pages.max_connections = n;
    }
}
