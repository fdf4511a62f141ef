//! Resource usage of this process, as the kernel reports it.

use std::fs;

/// Values from `/proc/self` and system calls; a value that cannot be read is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Process {
    /// Memory that is resident.
    pub resident_bytes: Option<u64>,
    /// Address space.
    pub virtual_bytes: Option<u64>,
    /// Files that are open.
    pub open_files: Option<u64>,
    /// Soft limit of open files.
    pub max_files: Option<u64>,
    /// Processor time, in user and in kernel mode.
    pub cpu_seconds: Option<f64>,
    /// Number of threads.
    pub threads: Option<u64>,
}

impl Process {
    /// Reads the values now.
    pub fn read() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let kilobytes = |key| find_number(&status, key).map(|n: u64| n * 1_024);
        Self {
            resident_bytes: kilobytes("VmRSS:"),
            virtual_bytes: kilobytes("VmSize:"),
            // Minus the descriptor of the directory listing itself.
            open_files: fs::read_dir("/proc/self/fd").ok().map(|dir| dir.count() as u64 - 1),
            max_files: rustix::process::getrlimit(rustix::process::Resource::Nofile).current,
            cpu_seconds: cpu_seconds(),
            threads: find_number(&status, "Threads:"),
        }
    }
}

fn find_number(status: &str, key: &str) -> Option<u64> {
    let rest = status.lines().find_map(|line| line.strip_prefix(key))?;
    rest.split_whitespace().next()?.parse().ok()
}

fn cpu_seconds() -> Option<f64> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    #[allow(clippy::cast_precision_loss, reason = "seconds and nanoseconds are small")]
    let seconds = time.tv_sec as f64 + time.tv_nsec as f64 / 1e9;
    Some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_files_and_threads() {
        let process = Process::read();
        assert!(process.resident_bytes.is_some_and(|n| n > 100_000), "{process:?}");
        assert!(process.open_files.is_some_and(|n| (1..100_000).contains(&n)), "{process:?}");
        assert!(process.threads.is_some_and(|n| n >= 1), "{process:?}");
        assert!(process.cpu_seconds.is_some_and(|n| n > 0.0), "{process:?}");
    }
}
