//! Tells other processes that something has changed, and hears it from them: as hints, which may be lost.
//!
//! A hint is sent after the change was committed, on a connection of its own and for many changes at once:
//! NOTIFY in the transaction that writes would make all writers wait for one lock. Whoever hears one looks
//! into the store; what it says is for people who watch. Everybody polls besides.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_postgres::{AsyncMessage, Connection, NoTls};

use super::address::{Address, CONNECT_TIMEOUT};
use crate::operation::Hint;

/// The channel.
const CHANNEL: &str = "mirrorlistd";
const LISTEN: &str = "LISTEN mirrorlistd";
/// How many tasks a notification names.
const MAX_NAMES: usize = 32;
/// How many hints wait to be sent. If there are more, those who wait have enough to look at.
const MAX_WAITING: usize = 256;
/// The wait before a lost connection is made again: polling does the work meanwhile.
const RECONNECT: Duration = Duration::from_secs(2);
/// How long a notification may take to be sent.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// Hints to other processes.
#[derive(Clone)]
pub(super) struct Sender(Option<mpsc::Sender<Hint>>);

impl Sender {
    /// Sends no hints.
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// Sends a hint some time, or never.
    pub(super) fn send(&self, hint: Hint) {
        if let Some(sender) = &self.0 {
            // If the queue is full, the hints before it make everybody look.
            let _ = sender.try_send(hint);
        }
    }
}

/// Starts to send hints, and to count in `heard` those of others. Ends when the senders have gone.
pub(super) fn start(address: Address, heard: Arc<watch::Sender<u64>>) -> Sender {
    let (sender, receiver) = mpsc::channel(MAX_WAITING);
    tokio::spawn(run(address, heard, receiver));
    Sender(Some(sender))
}

async fn run(address: Address, heard: Arc<watch::Sender<u64>>, mut hints: mpsc::Receiver<Hint>) {
    // Hints from here are not news to this process.
    let own_name = format!("{:016x}", fastrand::u64(..));
    while !hints.is_closed() {
        converse(&address, &own_name, &heard, &mut hints).await;
        sleep(RECONNECT).await;
    }
}

/// Listens and sends on one connection, until it is lost or nobody sends any more.
async fn converse(
    address: &Address,
    own_name: &str,
    heard: &watch::Sender<u64>,
    hints: &mut mpsc::Receiver<Hint>,
) {
    let Ok(config) = address.config() else { return };
    let Ok(Ok((client, connection))) = timeout(CONNECT_TIMEOUT, config.connect(NoTls)).await else {
        return;
    };
    let talk = async {
        let listening = client.batch_execute(LISTEN);
        if !matches!(timeout(SEND_TIMEOUT, listening).await, Ok(Ok(()))) {
            return;
        }
        // What was said while nobody listened.
        note(heard);
        while let Some(first) = hints.recv().await {
            let send = notification(own_name, first, hints);
            if !matches!(timeout(SEND_TIMEOUT, client.batch_execute(&send)).await, Ok(Ok(()))) {
                return;
            }
        }
    };
    tokio::select! {
        biased;
        () = hear(connection, own_name, heard) => {}
        () = talk => {}
    }
}

/// Counts what others say, until the connection is lost.
async fn hear<S, T>(mut connection: Connection<S, T>, own_name: &str, heard: &watch::Sender<u64>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
        match message {
            AsyncMessage::Notification(hint) if !hint.payload().ends_with(own_name) => note(heard),
            _ => {}
        }
    }
}

fn note(heard: &watch::Sender<u64>) {
    heard.send_modify(|count| *count = count.wrapping_add(1));
}

/// The statements that send a hint, and all that wait behind it, as one. Nobody waits for the disk: a hint
/// need not survive.
fn notification(own_name: &str, first: Hint, hints: &mut mpsc::Receiver<Hint>) -> String {
    let mut names = BTreeSet::from([first]);
    while let Ok(hint) = hints.try_recv() {
        if names.len() < MAX_NAMES {
            names.insert(hint);
        }
    }
    let names: Vec<_> = names.iter().map(Hint::to_string).collect();
    let names = names.join(" ");
    format!(
        "BEGIN; SET LOCAL synchronous_commit = off; NOTIFY {CHANNEL}, '{names} from {own_name}'; COMMIT"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::TaskId;

    #[test]
    fn many_hints_are_sent_as_one() {
        let (sender, mut receiver) = mpsc::channel(MAX_WAITING);
        for id in [12, 12, 7] {
            sender.try_send(Hint::Task(TaskId(id))).unwrap();
        }
        let sent = notification("me", Hint::Queue, &mut receiver);
        assert!(sent.contains("NOTIFY mirrorlistd, 'queue task:7 task:12 from me'"), "{sent}");
        for id in 0..MAX_WAITING {
            sender.try_send(Hint::Task(TaskId(i64::MAX - id as i64))).unwrap();
        }
        let sent = notification("me", Hint::Queue, &mut receiver);
        assert!(sent.len() < 1_000, "{sent}");
        assert!(receiver.try_recv().is_err());
    }
}
