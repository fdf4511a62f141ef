//! Asks for pages without a network.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use bytes::Bytes;
use control::access::Access;
use control::pages::answer;
use http_body_util::BodyExt;
use hyper::Method;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serve::admin::allowed_hosts::AllowedHosts;
use serve::admin::part::{PartRequest, Via};
use serve::pages::layout::{Labelled, PageLayout};

use crate::samples::{World, wait};

/// A token of the file.
pub const TOKEN: &str = "open-sesame-0123";

/// How a request comes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Over a unix socket, where no token is needed.
    Socket,
    /// Over TCP, where there is a token file.
    Tcp,
    /// Over TCP, where there is none.
    TcpWithoutTokens,
}

/// Lets those in over TCP who have the token of `anna`.
pub fn access() -> Access {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens");
    std::fs::write(&path, format!("anna {TOKEN}\n")).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    let access = Access::new(Some(path), AllowedHosts::default()).unwrap();
    // It is read again as long as the process runs.
    drop(folder.keep());
    access
}

/// An answer.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// The links of a listener around a page.
pub fn layout(path: &str) -> PageLayout {
    let tasks = if path == "/tasks" { "/tasks" } else { "" };
    PageLayout {
        path: tasks,
        pages: vec![
            Labelled::new("/status", "Status"),
            Labelled::new("/explain", "Explain"),
            Labelled::new("/tasks", "Tasks"),
        ],
        for_programs: vec![Labelled::new("/metrics", "metrics")],
    }
}

/// A request over TCP.
pub fn request(method: Method, target: &str, body: &str) -> PartRequest {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    PartRequest {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        headers: [(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))]
            .into_iter()
            .collect(),
        body: Bytes::from(body.to_owned()),
        via: Via::Tcp,
        peer_user: None,
        may_wait: true,
    }
}

impl World {
    /// Asks for a page, as one who needs no token.
    pub fn get(&self, target: &str) -> Answer {
        self.asked(Way::Socket, request(Method::GET, target, ""))
    }

    /// Sends a form, as one who needs no token.
    pub fn post(&self, target: &str, form: &str) -> Answer {
        self.asked(Way::Socket, request(Method::POST, target, form))
    }

    /// Asks in a way.
    pub fn asked(&self, way: Way, mut request: PartRequest) -> Answer {
        let access = match way {
            Way::TcpWithoutTokens => Access::new(None, AllowedHosts::default()).unwrap(),
            Way::Socket | Way::Tcp => access(),
        };
        request.via = if way == Way::Socket { Via::UnixSocket } else { Via::Tcp };
        self.asked_of(&access, &request)
    }

    /// Asks, where this says who may.
    pub fn asked_of(&self, access: &Access, request: &PartRequest) -> Answer {
        wait(async {
            let reply = answer((&self.tasks, None), access, request, layout(&request.path)).await;
            let (head, body) = reply.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let body = String::from_utf8(body.to_vec()).unwrap();
            Answer { status: head.status.as_u16(), headers: head.headers, body }
        })
    }
}
