//! Runs real reverse proxies with the configurations in `contrib/`. Only addresses, ports, certificate
//! paths, and time limits that a busy machine may exceed are replaced.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::server::free_port;

/// Host names in the shipped configurations.
pub const LISTS_HOST: &str = "mirrors.example.org";
pub const DOWNLOAD_HOST: &str = "download.example.org";

/// A proxy program, with a variant of its configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Program {
    Nginx,
    /// nginx with its own defaults in place of the lines that limit the effect of failures, as in a
    /// configuration that is written from scratch.
    NginxDefaults,
    Haproxy,
    /// HAProxy with the line `option httpclose` uncommented.
    HaproxyClosing,
    Apache,
}

/// A running proxy; it is stopped when dropped.
pub struct Proxy {
    pub http: SocketAddr,
    pub https: SocketAddr,
    /// The file of the certificate authority that clients must trust.
    pub authority: PathBuf,
    folder: PathBuf,
    child: Child,
}

impl Proxy {
    /// Starts a proxy in front of two servers.
    pub fn start(program: Program, folder: &Path, upstreams: [SocketAddr; 2]) -> Self {
        make_certificates(folder);
        for _ in 0..5 {
            let [http, https] = free_addresses();
            let config = configure(program, folder, http, https, upstreams);
            let mut command = match program {
                Program::Nginx | Program::NginxDefaults => {
                    let mut command = command("/usr/sbin/nginx", folder);
                    command.arg("-p").arg(folder).arg("-c").arg(config);
                    command
                }
                Program::Haproxy | Program::HaproxyClosing => {
                    let mut command = command("/usr/sbin/haproxy", folder);
                    command.args(["-db", "-f"]).arg(config);
                    command
                }
                Program::Apache => {
                    let mut command = command("/usr/sbin/apache2", folder);
                    command.arg("-DFOREGROUND").arg("-d").arg(folder).arg("-f").arg(config);
                    command
                }
            };
            let log = fs::File::create(folder.join("log")).unwrap();
            let child = command
                .stdin(Stdio::null())
                .stdout(log.try_clone().unwrap())
                .stderr(log)
                .spawn()
                .unwrap();
            let authority = folder.join("ca.pem");
            let mut proxy = Self { http, https, authority, folder: folder.to_owned(), child };
            if proxy.is_listening() {
                return proxy;
            }
            let log = proxy.log();
            // Another process took the port in the meantime.
            assert!(log.to_lowercase().contains("in use"), "{program:?} did not start:\n{log}");
        }
        panic!("{program:?} found no free port in five attempts");
    }

    fn is_listening(&mut self) -> bool {
        let deadline = Instant::now() + Duration::from_secs(120);
        while Instant::now() < deadline {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            if TcpStream::connect(self.http).is_ok() && TcpStream::connect(self.https).is_ok() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    /// The text of the proxy's logs.
    pub fn log(&self) -> String {
        let read = |name| fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        read("log") + &read("error.log")
    }

    /// HAProxy's socket for commands.
    pub fn admin_socket(&self) -> PathBuf {
        self.folder.join("admin.sock")
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Killing a master would leave its workers behind.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Two addresses that were free a moment ago.
fn free_addresses() -> [SocketAddr; 2] {
    [(); 2].map(|()| SocketAddr::from(([127, 0, 0, 1], free_port())))
}

/// Creates a certificate authority, and a certificate for the names in the configurations.
fn make_certificates(folder: &Path) {
    let names = format!("subjectAltName=DNS:{LISTS_HOST},DNS:{DOWNLOAD_HOST},IP:127.0.0.1");
    fs::write(folder.join("names"), names).unwrap();
    let script = "set -e
        new='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
        openssl req -x509 $new -subj /CN=fixture-ca -days 2 -keyout ca.key -out ca.pem
        openssl req $new -subj /CN=fixture -keyout privkey.pem -out request.pem
        openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
            -extfile names -out fullchain.pem
        cat fullchain.pem privkey.pem > mirrors.pem";
    let mut command = command("/bin/sh", folder);
    let output = command.args(["-c", script]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A command that gets nothing from the environment of the user who runs the tests.
pub fn command(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .env("HOME", folder)
        .current_dir(folder);
    command
}

/// Writes the shipped configuration with the addresses of this test; returns the command to start.
fn configure(
    program: Program,
    folder: &Path,
    http: SocketAddr,
    https: SocketAddr,
    upstreams: [SocketAddr; 2],
) -> PathBuf {
    let [first, second] = upstreams.map(|upstream| upstream.to_string());
    let here = folder.display();
    let mut replacements =
        vec![("127.0.0.1:18081".to_owned(), first), ("127.0.0.1:18082".to_owned(), second)];
    let mut replace = |from: &str, to: String| replacements.push((from.to_owned(), to));
    let (shipped, wrapper) = match program {
        Program::Nginx | Program::NginxDefaults => {
            replace("listen 80;", format!("listen {http};"));
            replace("listen 443 ", format!("listen {https} "));
            replace("listen [::]:80;", String::new());
            replace("listen [::]:443 ssl http2;", String::new());
            replace("/etc/ssl/mirrors", here.to_string());
            replace("proxy_connect_timeout 1s;", "proxy_connect_timeout 120s;".into());
            replace("proxy_read_timeout    5s;", "proxy_read_timeout 120s;".into());
            if program == Program::NginxDefaults {
                for line in
                    [" max_fails=0", "proxy_buffer_size     8k;", "client_max_body_size  1k;"]
                {
                    replace(line, String::new());
                }
            }
            // The part of Debian's nginx.conf around conf.d, with paths of this test.
            let wrapper = format!(
                "daemon off;\nworker_processes 1;\nuser root;\npid {here}/nginx.pid;\n\
                 error_log {here}/error.log;\nevents {{}}\nhttp {{\naccess_log off;\n\
                 client_body_temp_path {here}/body;\nproxy_temp_path {here}/proxy;\n\
                 fastcgi_temp_path {here}/fastcgi;\nuwsgi_temp_path {here}/uwsgi;\n\
                 scgi_temp_path {here}/scgi;\ninclude {here}/shipped;\n}}\n"
            );
            ("nginx/mirrorlistd.conf", wrapper)
        }
        Program::Haproxy | Program::HaproxyClosing => {
            replace("bind :::80 v4v6", format!("bind {http}"));
            replace("bind :::443 v4v6", format!("bind {https}"));
            replace("/etc/haproxy/mirrors.pem", format!("{here}/mirrors.pem"));
            replace("/run/haproxy/admin.sock", format!("{here}/admin.sock"));
            replace("/dev/log", format!("{here}/no-log"));
            for limit in [
                "connect         1s",
                "server          5s",
                "client          10s",
                "http-request    5s",
                "http-keep-alive 5s",
                "check           1s",
            ] {
                let (name, _) = limit.split_once(' ').unwrap();
                replace(&format!("timeout {limit}\n"), format!("timeout {name} 120s\n"));
            }
            if program == Program::HaproxyClosing {
                replace("# option httpclose", "option httpclose".to_owned());
            }
            ("haproxy/haproxy.cfg", String::new())
        }
        Program::Apache => {
            replace("*:80", http.to_string());
            replace("*:443", https.to_string());
            replace("connectiontimeout=1 timeout=5", "connectiontimeout=120 timeout=120".into());
            replace("/etc/ssl/mirrors", here.to_string());
            let modules = "authz_core proxy proxy_http proxy_balancer lbmethod_byrequests \
                           slotmem_shm rewrite ssl http2 mpm_event";
            let load = |name: &str| {
                format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n")
            };
            let wrapper = format!(
                "ServerRoot {here}\nDefaultRuntimeDir {here}\nPidFile {here}/apache.pid\n\
                 ErrorLog {here}/error.log\nServerName localhost\nUser nobody\nGroup nogroup\n\
                 Listen {http}\nListen {https}\n{}Include {here}/shipped\n",
                modules.split_whitespace().map(load).collect::<String>()
            );
            ("apache/mirrorlistd.conf", wrapper)
        }
    };
    let contrib = crate::repository().join("contrib").join(shipped);
    let mut config = fs::read_to_string(&contrib).unwrap();
    for (from, to) in replacements {
        assert!(config.contains(&from), "{} has no {from:?}", contrib.display());
        config = config.replace(&from, &to);
    }
    fs::write(folder.join("shipped"), config).unwrap();
    if wrapper.is_empty() {
        return folder.join("shipped");
    }
    fs::write(folder.join("wrapper"), wrapper).unwrap();
    folder.join("wrapper")
}
