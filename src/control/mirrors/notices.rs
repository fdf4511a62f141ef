//! Tells others what has happened to mirrors.
//!
//! Notices are made where visits are judged, and written with the states of their mirrors. A task of its own sends them,
//! and removes each as soon as it was taken. So none is lost, and one that was taken just before a crash comes twice,
//! with the same `id`.
//!
//! Mirrors come in a random order, and the notices of each in the order in which they were made, none after one that
//! was not taken. So a notice that always fails holds up no other mirror, and a receiver that takes none gets few.

use std::time::Duration;

use checks::notice::Notice;
use serde_json::json;
use tasks::kind::Output;
use tasks::{Failure, Request, Run};
use visits::post::post;

use super::checker::{Checker, of_check};
use super::known::Known;
use crate::access::secret_file;
use crate::kinds::notice;

/// After how many seconds a notice is not sent any more that nobody has taken.
const MAX_AGE: u64 = 3 * 86_400;
/// How long a notice counts as new: the task that sends it begins at once, though it may have failed just before. What
/// is older waits for its next attempt, or so long.
const NEW: Duration = Duration::from_secs(600);
/// After how many failures in a row the others wait for the next attempt.
const MAX_FAILURES: usize = 5;

impl Checker {
    /// The task that sends notices, if there are some.
    pub(super) fn telling_of(&self, known: &Known) -> Option<Request> {
        self.webhook.as_ref()?;
        let states = known.register.mirrors.values();
        let latest = states.flat_map(|state| state.notices.open()).map(|notice| notice.at);
        let latest = latest.min_by_key(|at| age(*at, (self.clock)()))?;
        let is_new = age(latest, (self.clock)()) < NEW.as_secs();
        let delay = if is_new { Duration::ZERO } else { NEW };
        let (kind, actor) = (notice::NAME.to_owned(), super::VISIT.to_owned());
        Some(Request { kind, actor, delay, ..Request::default() })
    }

    /// Sends the notices that nobody has taken yet.
    pub(crate) async fn send_notices(&self, run: &Run) -> Result<Output, Failure> {
        let Some(webhook) = &self.webhook else { return Ok(Output::default()) };
        run.stage("read");
        let secret = match webhook.secret_file.clone() {
            None => None,
            Some(file) => {
                // It is read each time, so that another one can be written.
                let read = move |_: &Run| {
                    let secret = secret_file::read(&file);
                    secret.map_err(|error| Failure::may_pass("secret_file", error.to_string()))
                };
                Some(run.on_thread(read).await?)
            }
        };
        let mut open: Vec<(String, Vec<Notice>)> = {
            let mut known = self.known.lock().await;
            self.refresh(&mut known).await.map_err(of_check)?;
            let states = known.register.mirrors.iter();
            let open = states.map(|(key, state)| (key.clone(), state.notices.open().to_vec()));
            open.filter(|(_, notices)| !notices.is_empty()).collect()
        };
        fastrand::shuffle(&mut open);
        run.stage("send");
        let n: usize = open.iter().map(|(_, notices)| notices.len()).sum();
        let (mut n_sent, mut n_dropped, mut n_failures) = (0_u64, 0_u64, 0);
        let mut trouble = None;
        'mirrors: for (key, notices) in open {
            for notice in notices {
                if age(notice.at, (self.clock)()) > MAX_AGE {
                    tracing::warn!(
                        "nobody has taken the notice {} for days: it is dropped",
                        notice.id
                    );
                    n_dropped += 1;
                    let dropped =
                        self.change(&key, |state| state.notices.dropped(&notice.id)).await;
                    dropped.map_err(of_check)?;
                } else {
                    run.check_fence().await?;
                    let body = notice.to_json();
                    let crawler = &self.crawling.crawler;
                    let sent = tokio::select! {
                        biased;
                        stop = run.until_stopped() => return Err(Failure::Stopped(stop)),
                        sent = post(crawler, &webhook.url, secret.as_ref(), &body) => sent,
                    };
                    store::fail_at::reached("notice", "sent");
                    if let Err(error) = sent {
                        n_failures += 1;
                        let is_enough = error.is_of_all() || n_failures >= MAX_FAILURES;
                        trouble.get_or_insert(error);
                        if is_enough {
                            break 'mirrors;
                        }
                        continue 'mirrors;
                    }
                    n_failures = 0;
                    n_sent += 1;
                    let taken =
                        self.change(&key, |state| state.notices.delivered(&notice.id)).await;
                    taken.map_err(of_check)?;
                }
                run.progress(n_sent + n_dropped, u64::try_from(n).ok());
            }
        }
        match trouble {
            None => {
                let result = json!({ "sent": n_sent, "dropped": n_dropped });
                Ok(Output { result, then: Vec::new() })
            }
            Some(error) => {
                let message = format!("the webhook has taken {n_sent} of {n} notices: {error}");
                Err(Failure::may_pass("webhook", message))
            }
        }
    }
}

/// How old a notice is, in seconds. One of a time that has not come yet is no newer for that: the clock was set back
/// since.
fn age(at: u64, now: u64) -> u64 {
    now.abs_diff(at)
}
