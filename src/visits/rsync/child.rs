//! A child process with its group, from start to end.

use std::io;
use std::os::fd::OwnedFd;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::time::timeout;

/// How long a process that was killed may take to end.
const KILL_TIME: Duration = Duration::from_secs(5);

/// A child that leads a process group of its own. If it is dropped, the group is killed.
///
/// The number of a group stays taken as long as its leader is not waited for. So the group is only sent
/// signals before that, and they cannot meet another one: the end of the leader is first seen through a
/// descriptor of it, then what is left of the group is killed, then the leader is waited for.
pub(super) struct GroupLeader {
    child: Child,
    /// Readable when the leader has ended.
    ended: AsyncFd<OwnedFd>,
    group: Pid,
    is_reaped: bool,
}

/// The two pipes of a child.
pub(super) struct Pipes {
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

impl GroupLeader {
    /// Starts a command, which must be one with two pipes and a group of its own.
    pub(super) fn start(mut command: Command) -> io::Result<(Self, Pipes)> {
        let mut child = command.spawn()?;
        let number = child.id().and_then(|id| i32::try_from(id).ok());
        let group = number.and_then(Pid::from_raw).ok_or(io::ErrorKind::NotFound)?;
        let pipes = child.stdout.take().zip(child.stderr.take());
        // Without either of them the child is killed: tokio drops it.
        let (stdout, stderr) = pipes.ok_or(io::ErrorKind::BrokenPipe)?;
        let descriptor = pidfd_open(group, PidfdFlags::NONBLOCK)?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe, for types that close their descriptor while it is registered; \
                      an OwnedFd does not"
        )]
        let ended = AsyncFd::with_interest(descriptor, Interest::READABLE)?;
        Ok((Self { child, ended, group, is_reaped: false }, Pipes { stdout, stderr }))
    }

    /// Returns when the leader has ended, and kills what is left of its group.
    pub(super) async fn end(&self) {
        // An error would be one of the runtime, which is being shut down.
        drop(self.ended.readable().await);
        self.signal(Signal::KILL);
    }

    /// Asks the group to end, and kills it if its leader has not ended within `patience`.
    pub(super) async fn stop(&self, patience: Duration) {
        self.signal(Signal::TERM);
        if timeout(patience, self.end()).await.is_err() {
            self.signal(Signal::KILL);
        }
    }

    /// Waits for the leader, which has ended or was killed; `None` if the system is so much in the middle of
    /// something for it that it does not end. It is then waited for in the background.
    pub(super) async fn reap(mut self) -> Option<ExitStatus> {
        let status = timeout(KILL_TIME, self.child.wait()).await.ok()?.ok()?;
        self.is_reaped = true;
        Some(status)
    }

    /// That no process of the group is left is no error.
    fn signal(&self, signal: Signal) {
        let _ = kill_process_group(self.group, signal);
    }
}

impl Drop for GroupLeader {
    fn drop(&mut self) {
        if !self.is_reaped {
            self.signal(Signal::KILL);
        }
    }
}
