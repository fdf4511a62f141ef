//! Events of a task as they happen: server-sent events.
//!
//! Each event of the task is one with its number as `id`, its word as `event`, and its JSON as `data`.
//! `progress`, which has no number, says how far the task is; `end` comes last and holds the whole task. A
//! client that lost the connection sends the last number in `Last-Event-ID`, and gets what came after it;
//! once nothing can come any more, it gets 204, which tells a browser not to come back.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};
use serve::admin::part::PartReply;
use serve::admin::streamed::StreamedBody;
use store::Error;
use store::operations::read::{Events, Find, Found};
use store::record::{Task, TaskEvent, TaskId};
use tasks::Tasks;
use tokio::sync::mpsc::{self, Sender};
use tokio::time::{Instant, sleep, timeout};

use super::reply::ApiError;
use super::shapes;

const MEDIA_TYPE: &str = "text/event-stream";
/// How many events are read at once.
const BATCH: i64 = 100;
/// How often it looks for what another process has done.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// The shortest pause between two looks, whatever happens meanwhile to other tasks.
const PAUSE: Duration = Duration::from_millis(50);
/// After this much silence a comment is sent, so that nobody in between takes the connection for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Whether a client wants events as they happen.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut types = accepted.flat_map(|value| value.split(','));
    types.any(|one| {
        one.split(';').next().is_some_and(|one| one.trim().eq_ignore_ascii_case(MEDIA_TYPE))
    })
}

/// The last event that a client has seen, if it says so.
pub(super) fn last_event(headers: &HeaderMap) -> Result<Option<i64>, ApiError> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let number = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    let number = number.filter(|number: &i64| *number >= 0);
    number
        .map(Some)
        .ok_or_else(|| ApiError::invalid("`Last-Event-ID` must be the number of an event"))
}

/// The reply to a client that has seen the events of `task` up to number `after`.
pub(super) async fn reply(tasks: &Tasks, task: &Task, after: i64) -> Result<PartReply, ApiError> {
    if after > 0 && task.state.is_terminal() {
        let more = Events { task: task.id, after, limit: 1 };
        if tasks.store().run(more).await?.is_empty() {
            let mut reply = PartReply::default();
            *reply.status_mut() = StatusCode::NO_CONTENT;
            return Ok(reply);
        }
    }
    let (sender, receiver) = mpsc::channel(4);
    let writer = Writer { tasks: tasks.clone(), id: task.id, after, progress: Value::Null, sender };
    // It ends when the client goes, because sending fails then, or with the runtime.
    tokio::spawn(writer.write());
    let mut reply = Response::new(StreamedBody(receiver).boxed());
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would keep events until there are many.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(reply)
}

/// Writes the events of a task.
struct Writer {
    tasks: Tasks,
    id: TaskId,
    /// The last event that was sent.
    after: i64,
    /// The progress that was sent last.
    progress: Value,
    sender: Sender<Bytes>,
}

/// Nobody reads any more.
struct Gone;

/// Whether a stream goes on.
enum Next {
    Wait,
    More,
    End,
}

impl Writer {
    async fn write(mut self) {
        let mut watch = self.tasks.changes().watch();
        let mut spoke = Instant::now();
        loop {
            let next = match self.look(&mut spoke).await {
                Ok(next) => next,
                Err(Gone) => return,
            };
            match next {
                Next::More => continue,
                Next::End => return,
                Next::Wait => {}
            }
            if spoke.elapsed() >= HEARTBEAT {
                spoke = Instant::now();
                if self.send(": still there\n\n".to_owned()).await.is_err() {
                    return;
                }
            }
            tokio::select! {
                biased;
                () = self.sender.closed() => return,
                // A timeout is a look as well.
                _ = timeout(LOOK_AGAIN, watch.changed()) => {}
            }
            sleep(PAUSE).await;
        }
    }

    /// Sends what is new.
    async fn look(&mut self, spoke: &mut Instant) -> Result<Next, Gone> {
        // The state first: events that came before it are seen by the read after it.
        let (found, events) = match self.read().await {
            Ok(found) => found,
            Err(error) => {
                // The client sees a heartbeat later than usual; it may also come back.
                tracing::debug!("events of task {}: {error}", self.id);
                return Ok(Next::Wait);
            }
        };
        let is_full = i64::try_from(events.len()).is_ok_and(|n| n >= BATCH);
        for event in events {
            self.after = event.id;
            *spoke = Instant::now();
            let data = shapes::event(&event);
            self.send(format!("id: {}\nevent: {}\ndata: {data}\n\n", event.id, event.what)).await?;
        }
        if is_full {
            return Ok(Next::More);
        }
        let Found::Task(task) = found else { return Ok(Next::End) };
        if task.state.is_terminal() {
            self.send(format!("event: end\ndata: {}\n\n", shapes::task(&task))).await?;
            return Ok(Next::End);
        }
        let progress = json!({"stage": task.stage, "done": task.done, "total": task.total});
        if task.stage.is_some() && progress != self.progress {
            *spoke = Instant::now();
            self.send(format!("event: progress\ndata: {progress}\n\n")).await?;
            self.progress = progress;
        }
        Ok(Next::Wait)
    }

    async fn read(&self) -> Result<(Found, Vec<TaskEvent>), Error> {
        let store = self.tasks.store();
        let found = store.run(Find(self.id)).await?;
        let events = Events { task: self.id, after: self.after, limit: BATCH };
        Ok((found, store.run(events).await?))
    }

    async fn send(&self, text: String) -> Result<(), Gone> {
        self.sender.send(Bytes::from(text)).await.map_err(|_| Gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_for_those_who_name_it() {
        let wanted = |accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            is_wanted(&headers)
        };
        assert!(wanted("text/event-stream") && wanted("text/html, TEXT/event-stream;q=0.5"));
        assert!(!wanted("*/*") && !wanted("application/json") && !wanted("text/event-streams"));
        assert!(!is_wanted(&HeaderMap::new()));
    }

    #[test]
    fn the_last_event_is_a_number() {
        let last = |text: &'static [u8]| {
            let mut headers = HeaderMap::new();
            headers.insert("last-event-id", HeaderValue::from_bytes(text).unwrap());
            last_event(&headers).map_err(|error| error.status)
        };
        assert_eq!(last(b" 7 "), Ok(Some(7)));
        for odd in [&b""[..], b"-1", b"x", b"\xff", b"9223372036854775808"] {
            assert_eq!(last(odd), Err(StatusCode::BAD_REQUEST));
        }
        assert_eq!(last_event(&HeaderMap::new()), Ok(None));
    }
}
