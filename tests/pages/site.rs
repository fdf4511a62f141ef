//! Pages on a port, for a browser.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use control::access::Access;
use control::pages::mirrors::{self, MirrorPages};
use control::pages::{answer, answers};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serve::admin::part::{PartReply, PartRequest, Via};
use tasks::Tasks;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::asking::{access, layout};
use crate::mirrors::{pages, small};
use crate::samples::World;

/// A server of the pages of a world. It ends when this is dropped.
pub struct Site {
    pub address: SocketAddr,
    pub world: World,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Site {
    /// Serves on a port that the system chooses. Forms ask for a token.
    pub fn start(world: World) -> Self {
        Self::with_mirrors(world, pages(small()))
    }

    /// The same, with these pages of mirrors.
    pub fn with_mirrors(world: World, mirrors: Arc<MirrorPages>) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (bound, address) = std::sync::mpsc::channel();
        let (tasks, asked) = (world.tasks.clone(), Arc::default());
        let log = Arc::clone(&asked);
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                bound.send(listener.local_addr().unwrap()).unwrap();
                tokio::select! {
                    () = serve(listener, tasks, mirrors, log) => {}
                    _ = stopped => {}
                }
            });
        });
        let address = address.recv().unwrap();
        Self { address, world, stop: Some(stop), thread: Some(thread), asked }
    }

    /// The URL of a path.
    pub fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
    }

    /// The methods and paths that were asked for since the last call.
    pub fn take_asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

async fn serve(
    listener: TcpListener,
    tasks: Tasks,
    mirrors: Arc<MirrorPages>,
    log: Arc<Mutex<Vec<String>>>,
) {
    let access = Arc::new(access());
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (tasks, access, log) = (tasks.clone(), Arc::clone(&access), Arc::clone(&log));
        let mirrors = Arc::clone(&mirrors);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let (tasks, access, log) = (tasks.clone(), Arc::clone(&access), Arc::clone(&log));
                let mirrors = Arc::clone(&mirrors);
                async move {
                    Ok::<_, Infallible>(reply((&tasks, &mirrors), &access, &log, request).await)
                }
            });
            // A browser closes connections as it likes.
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn reply(
    (tasks, pages): (&Tasks, &MirrorPages),
    access: &Access,
    log: &Mutex<Vec<String>>,
    request: Request<Incoming>,
) -> PartReply {
    let (head, body) = request.into_parts();
    log.lock().unwrap().push(format!("{} {}", head.method, head.uri.path()));
    if !answers(head.uri.path()) && !mirrors::answers(head.uri.path()) {
        let mut reply = Response::new(Full::default().boxed());
        *reply.status_mut() = hyper::StatusCode::NOT_FOUND;
        return reply;
    }
    let request = PartRequest {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or("").to_owned(),
        headers: head.headers,
        body: body.collect().await.map(|body| body.to_bytes()).unwrap_or_default(),
        via: Via::Tcp,
        peer_user: None,
        may_wait: true,
    };
    if mirrors::answers(&request.path) {
        return pages.answer(&request, layout("")).await;
    }
    answer((tasks, None), access, &request, layout(&request.path)).await
}
