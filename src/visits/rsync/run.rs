//! Runs a command within limits, and reads what it prints.

use std::collections::VecDeque;
use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::timeout;

use super::child::{GroupLeader, Pipes};
use super::lines::{Counts, Exceeded, LineLimits, Lines};

/// How much of the end of the messages is kept, in bytes.
const MAX_MESSAGES: usize = 8 << 10;
/// How much is read at once.
const PIECE: usize = 64 << 10;

/// Limits of a run.
#[derive(Clone, Copy)]
pub(super) struct RunLimits {
    /// From the start to the end.
    pub(super) whole: Duration,
    /// Between TERM and KILL.
    pub(super) patience: Duration,
    /// Of the output.
    pub(super) output: LineLimits,
}

/// A run that has ended.
pub(super) struct Run {
    /// `None` if even KILL has not ended it in time.
    pub(super) status: Option<ExitStatus>,
    /// The limit for which it was ended.
    pub(super) stopped: Option<StopReason>,
    pub(super) counts: Counts,
    /// Whether the output ends within a line.
    pub(super) is_cut: bool,
    /// The end of its messages.
    pub(super) messages: String,
}

/// Why a run was ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum StopReason {
    /// [`RunLimits::whole`].
    Time,
    /// A limit of the output.
    Output(Exceeded),
    /// The output could not be read.
    Unreadable,
}

/// Runs a command to its end, or to a limit. If the future is dropped, the command's group is killed.
pub(super) async fn run(
    command: Command,
    limits: &RunLimits,
    on_line: &mut (dyn FnMut(&[u8]) + Send),
) -> io::Result<Run> {
    let (leader, Pipes { stdout, stderr }) = GroupLeader::start(command)?;
    let mut lines = Lines::new(limits.output);
    let mut messages = Tail::default();
    let output = async {
        let end = read(stdout, |piece| lines.take(piece, on_line)).await;
        if end.is_some() {
            leader.stop(limits.patience).await;
        }
        end
    };
    // What cannot be read of the messages is lost.
    let errors = read(stderr, |piece| {
        messages.push(piece);
        Ok(())
    });
    let all = async { tokio::join!(output, errors, leader.end()) };
    let stopped = match timeout(limits.whole, all).await {
        Ok((stopped, _, ())) => stopped,
        Err(_) => {
            leader.stop(limits.patience).await;
            Some(StopReason::Time)
        }
    };
    let status = leader.reap().await;
    let (counts, is_cut) = (lines.counts(), lines.is_cut());
    Ok(Run { status, stopped, counts, is_cut, messages: messages.into_text() })
}

/// Reads a pipe to its end; returns why it was left before that. Then it is closed.
async fn read(
    mut pipe: impl AsyncRead + Unpin,
    mut take: impl FnMut(&[u8]) -> Result<(), Exceeded>,
) -> Option<StopReason> {
    let mut piece = vec![0; PIECE];
    loop {
        match pipe.read(&mut piece).await {
            Ok(0) => return None,
            Ok(n) => {
                if let Err(exceeded) = take(piece.get(..n).unwrap_or_default()) {
                    return Some(StopReason::Output(exceeded));
                }
            }
            Err(_) => return Some(StopReason::Unreadable),
        }
    }
}

/// The end of a text.
#[derive(Default)]
struct Tail(VecDeque<u8>);

impl Tail {
    fn push(&mut self, piece: &[u8]) {
        let piece = piece.get(piece.len().saturating_sub(MAX_MESSAGES)..).unwrap_or_default();
        self.0.extend(piece);
        self.0.drain(..self.0.len().saturating_sub(MAX_MESSAGES));
    }

    fn into_text(self) -> String {
        String::from_utf8_lossy(&Vec::from(self.0)).into_owned()
    }
}
