//! Pages of mirrors for everybody, as the only part of a listener of their own.

use hyper::header::{ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue};
use serve::admin::part::{AdminPart, PartFuture, PartReply, PartRequest};
use serve::pages::layout::PageLayout;

use crate::component::Handle;
use crate::pages::mirrors::{self, MirrorPages};

/// Pages of mirrors for everybody.
pub struct PublicPart(MirrorPages);

impl PublicPart {
    /// The part of a component that runs.
    pub fn new(handle: &Handle) -> Self {
        Self(MirrorPages::new(handle.surveys.clone()))
    }
}

impl AdminPart for PublicPart {
    fn index(&self) -> &'static [(&'static str, &'static str)] {
        mirrors::PATHS
    }

    fn pages(&self) -> &'static [(&'static str, &'static str)] {
        &[("/mirrors", "Mirrors")]
    }

    fn answers(&self, path: &str) -> bool {
        mirrors::answers(path)
    }

    fn answer(&self, request: PartRequest, layout: PageLayout) -> PartFuture<'_, PartReply> {
        Box::pin(async move {
            let mut reply = self.0.answer(&request, layout).await;
            // Pages of others may read what everybody may.
            let origin = HeaderValue::from_static("*");
            reply.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            reply
        })
    }

    fn metrics(&self) -> PartFuture<'_, String> {
        Box::pin(std::future::ready(String::new()))
    }

    fn trouble(&self) -> Option<String> {
        None
    }
}
