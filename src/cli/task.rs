//! The command line of `mirrorlistd task`.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand, ValueHint};
use serve::http::socket::Address;
use store::record::State;

/// Examples in its help.
pub(super) const EXAMPLES: &str = "\
Examples:
  mirrorlistd task run primary.scan
      Scan the tree now: waits, shows how far it is, and ends with the task's outcome.
  mirrorlistd task run snapshot.compile --detach
      Ask for it, and do not wait. The number that is printed is for `await`, `show`, `cancel`:
  mirrorlistd task await 123-456
  mirrorlistd task list --state failed --since 2026-11-26
      What failed since then, the latest first.
  mirrorlistd task pause cpu --reason 'the disk is full'
  mirrorlistd task resume cpu
  mirrorlistd task doctor && mirrorlistd task queues --json
      For a script.

Who may: reading is for everybody who reaches the listener. Changes need its unix socket, or a token
(--token-file).
Exit status of run, retry and await: 0 the task has completed, 4 failed, 8 was cancelled, 16 was dropped;
130 you stopped waiting with Ctrl-C, and the task goes on. Of all: 1 there is trouble, 2 the command
line is wrong.";

const RUN_EXAMPLES: &str = "\
Examples:
  mirrorlistd task run primary.scan allow_shrink
      A switch needs no value; texts and numbers are NAME=VALUE.
  id=$(mirrorlistd task run primary.scan --detach --quiet)
      Only the number is printed.
  mirrorlistd task run snapshot.compile --quiet --timeout 600 || mail -s 'not published' root
      For a script: nothing is printed but the outcome.

Exit status: 0 the task has completed, 4 failed, 8 was cancelled, 16 was dropped; 130 you stopped waiting
with Ctrl-C, and the task goes on; 1 there is trouble, or the time is over; 2 the command line is wrong.";

const WAIT_STATUS: &str = "\
Exit status: 0 the task has completed, 4 failed, 8 was cancelled, 16 was dropped; 130 you stopped waiting
with Ctrl-C, and the task goes on; 1 there is trouble, or the time is over; 2 the command line is wrong.";

const LIST_EXAMPLES: &str = "\
Examples:
  mirrorlistd task list --state running
  mirrorlistd task list --kind primary.scan --state failed,dropped --limit 5
  mirrorlistd task list --text 'no space left' --since 2026-11-01 --json";

/// `mirrorlistd task`.
#[derive(Args, Clone, Debug)]
pub struct TaskArgs {
    /// Whom to ask, and how to print.
    #[command(flatten)]
    pub ask: AskArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: TaskCommand,
}

/// Whom to ask, and how to print what it says.
#[derive(Args, Clone, Debug)]
pub struct AskArgs {
    /// The admin listener of the process to ask: ADDR:PORT or unix:PATH [default: that of --config; else
    /// unix:/run/mirrorlistd/control.sock, if it is there; else that of
    /// /etc/mirrorlistd/mirrorlistd.toml]
    // Not named as the option of the server, which opens a listener.
    #[arg(
        id = "asked_admin",
        long = "admin",
        value_name = "ADDRESS",
        global = true,
        help_heading = "Whom to ask"
    )]
    pub admin: Option<Address>,
    /// The configuration file of the process to ask, which names its admin listener
    #[arg(id = "asked_config", long = "config", value_name = "FILE", value_hint = ValueHint::FilePath,
          global = true, help_heading = "Whom to ask")]
    pub config: Option<PathBuf>,
    /// A file with a token that allows changes over TCP: a line `TOKEN` or `NAME TOKEN`
    #[arg(id = "asked_token", long = "token-file", alias = "token_file", value_name = "FILE",
          value_hint = ValueHint::FilePath, global = true, help_heading = "Whom to ask")]
    pub token_file: Option<PathBuf>,
    /// Print JSON, as the API has it
    #[arg(long, global = true, help_heading = "Output")]
    pub json: bool,
}

/// What can be done with tasks.
#[derive(Subcommand, Clone, Debug)]
pub enum TaskCommand {
    /// List tasks, the latest first
    ///
    /// A filter that is given several times, or with commas, means any of its values; different filters
    /// must all hold.
    #[command(args_override_self = true, after_help = LIST_EXAMPLES)]
    List(Box<ListArgs>),
    /// Show one task: what it does, how far it is, its attempts and what has happened to it
    #[command(args_override_self = true)]
    Show(TaskIdArgs),
    /// Ask for a task, and wait for it
    ///
    /// If such a task waits already, that one is meant. If one runs, it is run once more afterwards, because
    /// it may have read what has changed since; that run is waited for. Ctrl-C stops waiting, and the task
    /// goes on. `mirrorlistd task kinds` lists the kinds and their arguments.
    #[command(args_override_self = true, after_help = RUN_EXAMPLES)]
    Run(RunArgs),
    /// Wait for a task
    #[command(name = "await", args_override_self = true, after_help = WAIT_STATUS)]
    Await(AwaitArgs),
    /// End a task: one that waits at once, one that runs as soon as it looks
    #[command(args_override_self = true)]
    Cancel(CancelArgs),
    /// Run a task that has ended once more, as a new task
    #[command(args_override_self = true, after_help = WAIT_STATUS)]
    Retry(RetryArgs),
    /// Add a note to a task
    #[command(args_override_self = true)]
    Comment(CommentArgs),
    /// Start no more tasks of a queue, or of a schedule; those that run go on
    #[command(args_override_self = true)]
    Pause(PauseArgs),
    /// Go on with a queue or a schedule
    #[command(args_override_self = true)]
    Resume(ResumeArgs),
    /// List the kinds of tasks and their arguments
    Kinds,
    /// List schedules and their next slots
    Schedules,
    /// List nodes: the processes that run tasks
    Nodes,
    /// List queues: how many tasks wait and run, and who has paused them
    Queues,
    /// Check a live store for what must never be; exits with 1 if there is such a thing
    Doctor,
}

/// One task.
#[derive(Args, Clone, Debug)]
pub struct TaskIdArgs {
    /// The number, such as 123456 or 123-456; or its last digits as -456, if no other one ends with them
    #[arg(value_name = "TASK", allow_hyphen_values = true)]
    pub task: String,
}

/// `mirrorlistd task list`.
#[derive(Args, Clone, Debug)]
pub struct ListArgs {
    /// Of these kinds
    #[arg(long, value_name = "KIND")]
    pub kind: Vec<String>,
    /// In these states
    #[arg(long, value_name = "STATE", value_delimiter = ',',
          value_parser = PossibleValuesParser::new(State::ALL.iter().map(|state| state.as_str())))]
    pub state: Vec<String>,
    /// In these queues
    #[arg(long, value_name = "QUEUE")]
    pub queue: Vec<String>,
    /// That these have asked for
    #[arg(long, value_name = "NAME")]
    pub actor: Vec<String>,
    /// That these nodes run, or have run last
    #[arg(long, value_name = "NODE")]
    pub node: Vec<String>,
    /// That these schedules have made
    #[arg(long, value_name = "NAME")]
    pub schedule: Vec<String>,
    /// That follow these tasks
    #[arg(long, value_name = "TASK")]
    pub parent: Vec<String>,
    /// Accepted at this time or later: 2026-11-26, or 2026-11-26T12:00:00Z
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Accepted before this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// With this text in their summary, their arguments or their error
    #[arg(long, value_name = "TEXT")]
    pub text: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20,
          value_parser = clap::value_parser!(u16).range(1..=500))]
    pub limit: u16,
    /// Go on where a list has ended, which has printed this
    #[arg(long, value_name = "CURSOR")]
    pub cursor: Option<String>,
}

/// How to wait.
#[derive(Args, Clone, Copy, Debug)]
pub struct WaitArgs {
    /// Wait at most so long; the task goes on, and the exit status is 1
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub timeout: Option<u32>,
    /// Do not say how far it is
    #[arg(short, long)]
    pub quiet: bool,
}

/// `mirrorlistd task run`.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// What to do, such as `primary.scan`; `mirrorlistd task kinds` lists them
    #[arg(value_name = "KIND")]
    pub kind: String,
    /// Arguments of the kind
    #[arg(value_name = "NAME=VALUE")]
    pub arguments: Vec<String>,
    /// Do not wait
    #[arg(short, long, conflicts_with = "timeout")]
    pub detach: bool,
    /// Before or after others: the smaller, the sooner
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub priority: Option<i64>,
    /// Not before so many seconds
    #[arg(long, value_name = "SECONDS")]
    pub delay: Option<u32>,
    /// A name for this request: asked twice with one name, there is one task
    #[arg(long, alias = "request_id", value_name = "NAME")]
    pub request_id: Option<String>,
    /// How to wait.
    #[command(flatten)]
    pub wait: WaitArgs,
}

/// `mirrorlistd task await`.
#[derive(Args, Clone, Debug)]
pub struct AwaitArgs {
    /// Which.
    #[command(flatten)]
    pub id: TaskIdArgs,
    /// How to wait.
    #[command(flatten)]
    pub wait: WaitArgs,
}

/// `mirrorlistd task cancel`.
#[derive(Args, Clone, Debug)]
pub struct CancelArgs {
    /// Which.
    #[command(flatten)]
    pub id: TaskIdArgs,
    /// Why, for those who look at the task later
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// `mirrorlistd task retry`.
#[derive(Args, Clone, Debug)]
pub struct RetryArgs {
    /// Which.
    #[command(flatten)]
    pub id: TaskIdArgs,
    /// Do not wait
    #[arg(short, long, conflicts_with = "timeout")]
    pub detach: bool,
    /// How to wait.
    #[command(flatten)]
    pub wait: WaitArgs,
}

/// `mirrorlistd task comment`.
#[derive(Args, Clone, Debug)]
pub struct CommentArgs {
    /// Which.
    #[command(flatten)]
    pub id: TaskIdArgs,
    /// The note
    #[arg(value_name = "TEXT")]
    pub text: String,
}

/// `mirrorlistd task pause`.
#[derive(Args, Clone, Debug)]
pub struct PauseArgs {
    /// The queue or the schedule; `queue:NAME` or `schedule:NAME` if both are called so
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Why, for those who wonder
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}

/// `mirrorlistd task resume`.
#[derive(Args, Clone, Debug)]
pub struct ResumeArgs {
    /// The queue or the schedule; `queue:NAME` or `schedule:NAME` if both are called so
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}
