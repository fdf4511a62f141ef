//! How a node works.

use std::time::Duration;

use store::record::NewSchedule;

/// How a node works.
#[derive(Clone, Debug)]
pub struct NodeOptions {
    /// Its name, which outlives its processes.
    pub name: String,
    /// The version of the program.
    pub version: String,
    /// The files of its site, as other nodes of that site must name them.
    pub files: Vec<String>,
    /// Names of queues, and how many of their tasks may run at the same time on all nodes together.
    pub queues: Vec<(String, u32)>,
    /// All schedules.
    pub schedules: Vec<NewSchedule>,
    /// How long a heartbeat may be missing before a task counts as lost.
    pub time_to_live: Duration,
    /// How long tasks have to stop when the process does.
    pub stop_deadline: Duration,
    /// How many threads that do not stop may exist before no more tasks are taken.
    pub max_zombies: u32,
    /// How often it looks for what another process has enqueued, on average.
    pub poll: Duration,
    /// Where its random numbers begin: its boot id, and by how much waits differ. `None` begins anywhere;
    /// two processes of a store must not have the same.
    pub seed: Option<u64>,
}

impl NodeOptions {
    /// A node with the usual times, and no queue yet.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            files: Vec::new(),
            queues: Vec::new(),
            schedules: Vec::new(),
            time_to_live: Duration::from_secs(30),
            stop_deadline: Duration::from_secs(10),
            max_zombies: 4,
            poll: Duration::from_secs(10),
            seed: None,
        }
    }
}
