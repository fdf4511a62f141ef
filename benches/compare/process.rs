//! Processes under measurement: started, asked what they cost, and ended by their own id.
//!
//! Every child is started through `setpriv --pdeathsig`, so that it ends with this program even if
//! this program is killed.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Seek};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::{Result, is_interrupted};

/// What the kernel counts CPU time in: USER_HZ, which is 100 on every Linux that Rust supports.
const TICK: Duration = Duration::from_millis(10);
/// How often the peak of memory is read.
const PEAK_INTERVAL: Duration = Duration::from_millis(2);

/// A core to run on.
#[derive(Clone, Copy)]
pub(crate) enum Core {
    /// Wherever the system wants.
    Any,
    /// This one only.
    Only(u32),
}

/// A command that ends with this program.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    command_on(Core::Any, program)
}

/// A command that ends with this program, and runs on this core.
pub(crate) fn command_on(core: Core, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM"]).stdin(Stdio::null());
    if let Core::Only(number) = core {
        command.args(["taskset", "--cpu-list", &number.to_string()]);
    }
    command.arg(program);
    command
}

/// A long-running child; ended when dropped.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let program = format!("{:?}", command.get_args().nth(2).unwrap_or_default());
        Ok(Self(command.spawn().map_err(|error| format!("{program}: {error}"))?))
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill_process(Pid::from_child(&self.0), signal)?)
    }

    /// User and system time of the process and of its children that still run (nginx's workers).
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let Times { user, system, .. } = self.times()?;
        Ok(user + system)
    }

    /// The same by kind, and faults of pages.
    pub(crate) fn times(&self) -> Result<Times> {
        let mut total = Times::of(self.0.id())?;
        for child in self.children()? {
            // It may have ended meanwhile.
            if let Ok(times) = Times::of(child) {
                total.user += times.user;
                total.system += times.system;
                total.faults += times.faults;
            }
        }
        Ok(total)
    }

    /// Megabytes of anonymous memory, and how much of them lies in huge pages.
    pub(crate) fn huge_pages(&self) -> Result<(f64, f64)> {
        let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.0.id()))?;
        let field = |name: &str| -> Result<f64> {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            let kilobytes = line.and_then(|line| line.split_ascii_whitespace().next());
            Ok(kilobytes.ok_or_else(|| format!("/proc has no {name}"))?.parse::<f64>()? / 1e3)
        };
        Ok((field("Anonymous:")?, field("AnonHugePages:")?))
    }

    fn children(&self) -> Result<Vec<u32>> {
        let mut children = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
            // A process that has just ended is nobody's child here.
            if cpu_of(pid).is_ok_and(|(parent, _)| parent == self.0.id()) {
                children.push(pid);
            }
        }
        Ok(children)
    }

    /// Bytes of memory: resident now, and at most since the last [`Self::reset_peak`].
    pub(crate) fn memory(&self) -> Result<Memory> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let field = |name: &str| -> Result<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kilobytes = line.and_then(|line| line.split_ascii_whitespace().next());
            Ok(kilobytes.ok_or_else(|| format!("/proc has no {name}"))?.parse::<u64>()? * 1024)
        };
        Ok(Memory { resident: field("VmRSS:")?, peak: field("VmHWM:")? })
    }

    /// Forgets the peak so far.
    pub(crate) fn reset_peak(&self) -> Result<()> {
        Ok(fs::write(format!("/proc/{}/clear_refs", self.0.id()), "5")?)
    }

    /// Asks the process to end and waits; kills it when it takes too long.
    fn end(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            drop(self.signal(Signal::TERM));
            let deadline = Instant::now() + Duration::from_secs(5);
            while matches!(self.0.try_wait(), Ok(None)) && Instant::now() < deadline {
                sleep(Duration::from_millis(5));
            }
        }
        // Both fail where the process has ended, which is what is wanted.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Programs that keep cores busy and give way to everybody, until they are dropped: what full use of the cores costs
/// by itself, as on a machine whose cores are lent by another one.
pub(crate) struct BusyLoops(#[expect(dead_code, reason = "held until it is dropped")] Vec<Process>);

impl BusyLoops {
    /// One on this core, or as many as there are.
    pub(crate) fn start(core: Core) -> Result<Self> {
        let n = match core {
            Core::Only(_) => 1,
            Core::Any => std::thread::available_parallelism()?.get(),
        };
        let start = |_| {
            let mut command = command_on(core, "chrt");
            command.args(["--idle", "0", "sh", "-c", "while :; do :; done"]);
            Process::start(&mut command)
        };
        (0..n).map(start).collect::<Result<Vec<_>>>().map(Self)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// What a process has used.
pub(crate) struct Times {
    pub(crate) user: Duration,
    pub(crate) system: Duration,
    /// Minor faults of pages.
    pub(crate) faults: f64,
}

impl Times {
    fn of(pid: u32) -> Result<Self> {
        let fields = stat(&pid.to_string())?;
        Ok(Self {
            user: TICK * u32::try_from(fields.ticks(11)?)?,
            system: TICK * u32::try_from(fields.ticks(12)?)?,
            faults: fields.ticks(7)? as f64,
        })
    }
}

/// How often a process makes each system call meanwhile.
pub(crate) fn system_calls<R>(
    process: &Process,
    work: impl FnOnce() -> Result<R>,
) -> Result<(Vec<(String, f64)>, R)> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("calls");
    let mut strace = command("strace");
    strace.args(["-f", "-c", "-qq", "-o"]).arg(&file);
    let children = process.children()?;
    for pid in std::iter::once(process.0.id()).chain(children) {
        strace.args(["-p", &pid.to_string()]);
    }
    let strace = Process::start(strace.stdout(Stdio::null()).stderr(Stdio::null()))?;
    sleep(Duration::from_millis(500));
    let done = work()?;
    // It prints its table at an interrupt.
    strace.signal(Signal::INT)?;
    sleep(Duration::from_millis(500));
    drop(strace);
    let text = fs::read_to_string(&file)?;
    let calls = text.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let n = words.get(3)?.parse().ok()?;
        words.first()?.parse::<f64>().ok()?;
        let name = *words.last()?;
        (name != "total").then(|| (name.to_owned(), n))
    });
    Ok((calls.collect(), done))
}

#[derive(Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) resident: u64,
    pub(crate) peak: u64,
}

/// Parent and CPU time of a process.
fn cpu_of(pid: u32) -> Result<(u32, Duration)> {
    let fields = stat(&pid.to_string())?;
    Ok((
        u32::try_from(fields.ticks(1)?)?,
        TICK * u32::try_from(fields.ticks(11)? + fields.ticks(12)?)?,
    ))
}

/// CPU time of the children that this program has waited for.
pub(crate) fn cpu_of_ended_children() -> Result<Duration> {
    let fields = stat("self")?;
    Ok(TICK * u32::try_from(fields.ticks(13)? + fields.ticks(14)?)?)
}

/// CPU time of this program and of the children that it has waited for, and theirs.
fn cpu_of_ours() -> Result<Duration> {
    Ok(cpu_of_ended_children()? + cpu_of(std::process::id())?.1)
}

/// The fields of `/proc/PID/stat` behind the program's name, which may hold blanks.
struct Fields(String);

fn stat(pid: &str) -> Result<Fields> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let behind = line.rsplit_once(')').ok_or("/proc/PID/stat is not understood")?.1;
    Ok(Fields(behind.to_owned()))
}

impl Fields {
    fn ticks(&self, index: usize) -> Result<u64> {
        let field = self.0.split_ascii_whitespace().nth(index);
        Ok(field.ok_or("/proc/PID/stat is too short")?.parse()?)
    }
}

/// CPU time that the whole machine has spent working, by anybody, or that its host took away.
///
/// Without softirq: that is mostly our own loopback traffic, and no process is charged for it.
fn cpu_of_machine() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/stat")?;
    let line = stat.lines().next().unwrap_or_default();
    // user nice system idle iowait irq softirq steal
    let fields: Vec<u32> =
        line.split_ascii_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    let busy = [0, 1, 2, 5, 7].iter().filter_map(|&index| fields.get(index)).sum::<u32>();
    Ok(TICK * busy)
}

/// Cores that others use between two moments at which no child of ours is running.
///
/// What our children used is then all in our own account, nginx's workers and cargo's included, so
/// the rest is somebody else's.
pub(crate) struct Disturbance {
    start: Instant,
    machine: Duration,
    ours: Duration,
}

impl Disturbance {
    pub(crate) fn begin() -> Result<Self> {
        Ok(Self { start: Instant::now(), machine: cpu_of_machine()?, ours: cpu_of_ours()? })
    }

    pub(crate) fn end(self) -> Result<f64> {
        let machine = cpu_of_machine()?.saturating_sub(self.machine);
        let ours = cpu_of_ours()?.saturating_sub(self.ours);
        Ok(machine.saturating_sub(ours).as_secs_f64() / self.start.elapsed().as_secs_f64())
    }
}

/// Runs a command to its end, within a time limit, and throws away what it prints: how long it took, and
/// the peak of its memory in bytes.
pub(crate) fn run_measured(command: &mut Command, limit: Duration) -> Result<(Duration, u64)> {
    let mut stderr = tempfile::tempfile()?;
    command.stdout(Stdio::null()).stderr(stderr.try_clone()?);
    let start = Instant::now();
    let mut process = Process::start(command)?;
    let mut peak = 0;
    loop {
        if let Some(status) = process.child().try_wait()? {
            if status.success() {
                return Ok((start.elapsed(), peak));
            }
            stderr.rewind()?;
            let mut said = String::new();
            BufReader::new(stderr).read_line(&mut said)?;
            return Err(format!("{status}: {}", said.trim()).into());
        }
        if start.elapsed() > limit || is_interrupted() {
            return Err(format!("ended after {:?}", start.elapsed()).into());
        }
        // An ended process has no memory.
        peak = process.memory().map_or(peak, |memory| memory.peak.max(peak));
        sleep(PEAK_INTERVAL);
    }
}

/// Runs a command to its end, within a time limit; returns what it wrote to stdout.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Result<String> {
    let name = command.get_args().nth(2).unwrap_or_default().to_string_lossy().into_owned();
    let folder = tempfile::tempdir()?;
    let [stdout, stderr] = ["stdout", "stderr"].map(|name| folder.path().join(name));
    command.stdout(fs::File::create(&stdout)?).stderr(fs::File::create(&stderr)?);
    let mut process = Process::start(command)?;
    let deadline = Instant::now() + limit;
    let status = loop {
        if let Some(status) = process.child().try_wait()? {
            break status;
        }
        if Instant::now() > deadline {
            return Err(format!("{name} took more than {limit:?}").into());
        }
        if is_interrupted() {
            return Err("interrupted".into());
        }
        sleep(Duration::from_millis(5));
    };
    if !status.success() {
        let said = fs::read_to_string(&stderr)?;
        return Err(format!("{name}: {status}: {}", said.trim()).into());
    }
    Ok(fs::read_to_string(stdout)?)
}
