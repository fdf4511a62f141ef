//! Background work as a part of the operator's listener: its API, its pages and its metrics.

use std::sync::{Arc, LazyLock};

use serve::admin::allowed_hosts::AllowedHosts;
use serve::admin::part::{AdminPart, PartFuture, PartReply, PartRequest, Waiting};
use serve::pages::layout::PageLayout;

use crate::access::{Access, file_fault};
use crate::api::{self, Api};
use crate::component::Handle;
use crate::metrics::{self, Sources};
use crate::pages;
use crate::pages::mirrors::MirrorPages;

/// The rows of the index: pages first.
static INDEX: LazyLock<Vec<(&str, &str)>> =
    LazyLock::new(|| pages::PATHS.iter().chain(api::INDEX).copied().collect());

/// The same, where mirrors are visited.
static INDEX_WITH_MIRRORS: LazyLock<Vec<(&str, &str)>> =
    LazyLock::new(|| INDEX.iter().chain(pages::mirrors::PATHS).copied().collect());

/// Background work as a part of the operator's listener.
pub struct ControlPart {
    api: Api,
    access: Arc<Access>,
    sources: Sources,
    handle: Handle,
    mirrors: MirrorPages,
}

impl ControlPart {
    /// The part of a component that runs, on a listener that may be reached by these names. Fails if its
    /// token file cannot be used.
    pub fn new(handle: Handle, hosts: AllowedHosts) -> Result<Self, file_fault::Error> {
        let access = Arc::new(Access::new(handle.options.token_file.clone(), hosts)?);
        let (for_node, for_times) = (handle.clone(), handle.clone());
        let sources = Sources {
            tasks: handle.tasks.clone(),
            node: Arc::new(move || Some(for_node.node())),
            publish_times: Arc::new(move || for_times.publish_times()),
            checks: handle.checker.as_ref().map(|checker| Arc::clone(&checker.counts)),
        };
        let for_api = handle.clone();
        let own = Arc::new(move || Some(for_api.node()));
        let api = Api::new(handle.tasks.clone(), Arc::clone(&access), own)
            .with_mirrors(handle.checker.clone());
        let mirrors = MirrorPages::new(handle.surveys.clone());
        Ok(Self { api, access, sources, handle, mirrors })
    }
}

impl ControlPart {
    /// Whether there is a page of mirrors at this path.
    fn has_mirrors(&self, path: &str) -> bool {
        self.handle.checker.is_some() && pages::mirrors::answers(path)
    }
}

impl AdminPart for ControlPart {
    fn index(&self) -> &'static [(&'static str, &'static str)] {
        match self.handle.checker {
            Some(_) => &INDEX_WITH_MIRRORS,
            None => &INDEX,
        }
    }

    fn pages(&self) -> &'static [(&'static str, &'static str)] {
        match self.handle.checker {
            Some(_) => &[("/tasks", "Tasks"), ("/mirrors", "Mirrors")],
            None => &[("/tasks", "Tasks")],
        }
    }

    fn answers(&self, path: &str) -> bool {
        Api::answers(path) || pages::answers(path) || self.has_mirrors(path)
    }

    fn waits(&self, request: &PartRequest) -> Waiting {
        Api::waits(request)
    }

    fn longest_body(&self, path: &str) -> usize {
        Api::longest_body(path)
    }

    fn answer(&self, request: PartRequest, layout: PageLayout) -> PartFuture<'_, PartReply> {
        Box::pin(async move {
            if self.has_mirrors(&request.path) {
                return self.mirrors.answer(&request, layout).await;
            }
            match pages::answers(&request.path) {
                true => {
                    let own = self.handle.node();
                    let tasks = (&self.handle.tasks, Some(&own));
                    pages::answer(tasks, &self.access, &request, layout).await
                }
                false => self.api.answer(&request).await,
            }
        })
    }

    fn metrics(&self) -> PartFuture<'_, String> {
        Box::pin(metrics::write(&self.sources))
    }

    fn trouble(&self) -> Option<String> {
        self.handle.trouble()
    }
}
