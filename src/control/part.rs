//! What the operator asks of background work, on the listener of the process.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Response, StatusCode};
use serve::admin::part::{AdminPart, PartFuture, PartReply, PartRequest};
use serve::pages::layout::PageLayout;

use crate::component::Handle;

/// The part of the listener that shows background work.
pub struct ControlPart {
    handle: Handle,
}

impl ControlPart {
    /// The part of a component that runs.
    pub fn new(handle: Handle) -> Self {
        Self { handle }
    }
}

impl AdminPart for ControlPart {
    fn index(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    fn pages(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    fn answers(&self, _: &str) -> bool {
        false
    }

    fn answer(&self, _: PartRequest, _: PageLayout) -> PartFuture<'_, PartReply> {
        Box::pin(async {
            let body = Full::new(Bytes::new()).map_err(|never: Infallible| match never {});
            let mut reply = Response::new(body.boxed());
            *reply.status_mut() = StatusCode::NOT_FOUND;
            reply
        })
    }

    fn metrics(&self) -> PartFuture<'_, String> {
        Box::pin(async { String::new() })
    }

    fn trouble(&self) -> Option<String> {
        self.handle.trouble()
    }
}
