//! The servers that are compared.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::ask::Connection;
use crate::data;
use crate::process::{Core, Process, command_on};
use crate::{Result, is_interrupted};

/// Longer than any start takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server.
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    stderr: Option<PathBuf>,
}

/// What our server gets its data from.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    Snapshot(&'a Path),
    /// A folder with MirrorManager's files.
    Files(&'a Path),
    /// A configuration.
    Config(&'a Path),
}

/// Starts ours, and says how long it took from the start of the process to the first answer.
pub(crate) fn mirrorlistd(
    source: Source<'_>,
    work: &Path,
    target: &str,
) -> Result<(Server, Duration)> {
    mirrorlistd_on(Core::Any, source, work, target)
}

/// Starts ours on this core.
pub(crate) fn mirrorlistd_on(
    core: Core,
    source: Source<'_>,
    work: &Path,
    target: &str,
) -> Result<(Server, Duration)> {
    program_on(Path::new(env!("CARGO_BIN_EXE_mirrorlistd")), core, source, work, target)
}

/// Starts this mirrorlistd on this core.
pub(crate) fn program_on(
    program: &Path,
    core: Core,
    source: Source<'_>,
    work: &Path,
    target: &str,
) -> Result<(Server, Duration)> {
    let mut ours = command_on(core, program);
    ours.args(["serve", "--port", "0", "--log", "none", "--log-level", "info"]);
    match source {
        Source::Snapshot(file) => drop(ours.arg("--snapshot").arg(file)),
        Source::Files(folder) => drop(ours.args(arguments(folder))),
        Source::Config(file) => drop(ours.arg("--config").arg(file)),
    }
    let stderr = tempfile::Builder::new().prefix("mirrorlistd.").tempfile_in(work)?;
    ours.stdout(Stdio::piped()).stderr(stderr.reopen()?);
    let (_, stderr) = stderr.keep()?;

    let start = Instant::now();
    let mut process = Process::start(&mut ours)?;
    let stdout = process.child().stdout.take().ok_or("stdout is piped")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    let Some(address) = line.trim().strip_prefix("Listening on http://") else {
        return Err(format!("mirrorlistd did not start: {}", fs::read_to_string(stderr)?).into());
    };
    let server = Server { process, address: address.parse()?, stderr: Some(stderr) };
    let answer = Connection::open(server.address)?.ask(target, "192.0.2.1")?;
    if answer.status != 200 {
        return Err(format!("the first answer has status {}", answer.status).into());
    }
    Ok((server, start.elapsed()))
}

/// The options that name the files in a folder.
pub(crate) fn arguments(folder: &Path) -> Vec<PathBuf> {
    let files = data::inputs(folder);
    vec![
        "--cache".into(),
        files.cache,
        "--global_netblocks".into(),
        files.global_netblocks,
        "--cccsv".into(),
        files.country_continent,
        "--geoip".into(),
        files.geoip,
    ]
}

/// Starts nginx with one static file of `size` bytes under both paths.
///
/// As fast as it goes: sendfile, a cached file handle, no access log, connections that are never
/// closed.
pub(crate) fn nginx(size: usize, work: &Path) -> Result<Server> {
    nginx_on(Core::Any, size, work)
}

/// The same on this core: with one worker there, and with two on two cores.
pub(crate) fn nginx_on(core: Core, size: usize, work: &Path) -> Result<Server> {
    let n_workers = match core {
        Core::Any => 2,
        Core::Only(_) => 1,
    };
    let folder = work.join("nginx");
    let files = folder.join("files");
    fs::create_dir_all(&files)?;
    for name in ["metalink", "mirrorlist"] {
        fs::write(files.join(name), vec![b'x'; size])?;
    }
    let address = free_address()?;
    // Workers of root's nginx are `nobody`, who cannot read the folder of a build.
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    let (folder_name, files_name) = (folder.display(), files.display());
    let config = format!(
        "{user}
daemon off;
worker_processes {n_workers};
pid {folder_name}/pid;
error_log {folder_name}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    tcp_nodelay on;
    keepalive_requests 1000000000;
    open_file_cache max=10 inactive=1h;
    open_file_cache_valid 1h;
    default_type application/metalink+xml;
    client_body_temp_path {folder_name};
    proxy_temp_path {folder_name};
    fastcgi_temp_path {folder_name};
    uwsgi_temp_path {folder_name};
    scgi_temp_path {folder_name};
    server {{ listen {address} backlog=4096; root {files_name}; }}
}}
"
    );
    let config_file = folder.join("nginx.conf");
    fs::write(&config_file, config)?;
    let program = ["/usr/sbin/nginx", "nginx"].into_iter().find(|path| Path::new(path).exists());
    let mut nginx = command_on(core, program.unwrap_or("nginx"));
    nginx
        .arg("-p")
        .arg(&folder)
        .arg("-c")
        .arg(&config_file)
        .arg("-e")
        .arg(folder.join("error.log"));
    nginx.stdout(Stdio::null()).stderr(Stdio::null());
    let server = Server { process: Process::start(&mut nginx)?, address, stderr: None };
    server.wait_until_up()?;
    Ok(server)
}

/// Starts the constant hyper server of this program with a body of `size` bytes.
pub(crate) fn constant(size: usize) -> Result<Server> {
    constant_on(Core::Any, size)
}

/// The same on this core.
pub(crate) fn constant_on(core: Core, size: usize) -> Result<Server> {
    of_ourselves(core, &[size.to_string()])
}

/// Starts the same server with answers of these sizes in turn.
pub(crate) fn varied(sizes: &[usize], work: &Path) -> Result<Server> {
    let file = work.join("sizes");
    let lines: Vec<String> = sizes.iter().map(usize::to_string).collect();
    fs::write(&file, lines.join("\n"))?;
    of_ourselves(Core::Any, &["0".to_owned(), "--sizes".to_owned(), file.display().to_string()])
}

fn of_ourselves(core: Core, arguments: &[String]) -> Result<Server> {
    let address = free_address()?;
    let mut constant = command_on(core, std::env::current_exe()?);
    constant.args(["constant", &address.port().to_string()]).args(arguments);
    constant.stdout(Stdio::null());
    let server = Server { process: Process::start(&mut constant)?, address, stderr: None };
    server.wait_until_up()?;
    Ok(server)
}

impl Server {
    fn wait_until_up(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(self.address).is_err() {
            if Instant::now() > deadline || is_interrupted() {
                return Err(format!("nobody listens on {}", self.address).into());
            }
            sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// How often our server has reloaded so far.
    fn reloads(&self) -> Result<usize> {
        let path = self.stderr.as_ref().ok_or("only ours reloads")?;
        Ok(fs::read_to_string(path)?.matches("reloaded generation").count())
    }

    /// Reloads once and waits until it is done.
    pub(crate) fn reload(&self) -> Result<()> {
        let before = self.reloads()?;
        self.process.signal(Signal::HUP)?;
        let deadline = Instant::now() + PATIENCE;
        while self.reloads()? == before {
            if Instant::now() > deadline || is_interrupted() {
                return Err("a reload does not end".into());
            }
            sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// Reloads at every interval while `work` runs; returns the number of reloads that finished.
    pub(crate) fn reload_during<R>(
        &self,
        interval: Duration,
        work: impl FnOnce() -> Result<R>,
    ) -> Result<(R, usize)> {
        let before = self.reloads()?;
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let result = std::thread::scope(|scope| {
            let process = &self.process;
            scope.spawn(move || {
                use std::sync::mpsc::RecvTimeoutError::Timeout;
                while stopped.recv_timeout(interval) == Err(Timeout) {
                    // A server that has ended fails the measurement itself.
                    drop(process.signal(Signal::HUP));
                }
            });
            let result = work();
            drop(stop);
            result
        });
        Ok((result?, self.reloads()? - before))
    }
}

/// An address that nobody listens on.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
