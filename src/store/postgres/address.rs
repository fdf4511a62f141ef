//! Where a PostgreSQL store is, and who asks.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::config::{Host, SslMode};

use super::passfile::{self, Login};
use crate::error::Error;

/// What a URL begins with.
const SCHEMES: [&str; 2] = ["postgresql://", "postgres://"];
/// Where Debian's packages have the socket.
const DEFAULT_SOCKET: &str = "/var/run/postgresql";
/// The port of a server that names none.
const DEFAULT_PORT: u16 = 5432;
/// The variable that names a file of passwords, as for PostgreSQL's own programs.
const PASSFILE_VARIABLE: &str = "PGPASSFILE";

/// How long a connection may take to be made.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// When a silent connection is asked whether it is still there, how often again, and how many times.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(15);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 3;
/// How long what was sent may stay unacknowledged.
const UNACKNOWLEDGED_TIMEOUT: Duration = Duration::from_secs(15);

/// Where a store is: `postgresql://USER@HOST/DATABASE` or `host=… user=… dbname=…`, as PostgreSQL's own
/// programs take it. Its [`Display`](fmt::Display) has no password.
#[derive(Clone)]
pub struct Address {
    config: tokio_postgres::Config,
    place: String,
    passfile: Option<PathBuf>,
    listens: bool,
}

impl Address {
    /// The address that `text` says. Beyond PostgreSQL's own parameters it takes `passfile=FILE`, a file
    /// of passwords in the format of `.pgpass`, and `listen=off`, for a pooler that gives every transaction
    /// another connection. No error repeats `text`, which may hold a password.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::parse_with(text, std::env::var_os(PASSFILE_VARIABLE).map(PathBuf::from))
    }

    fn parse_with(text: &str, passfile: Option<PathBuf>) -> Result<Self, Error> {
        let (plain, own) = take_own_parameters(text).ok_or_else(malformed)?;
        if let Some(mode) = own.ssl_mode.filter(|mode| !is_without_tls(mode)) {
            return Err(Error::Refused(format!(
                "sslmode={}: connections to PostgreSQL are not encrypted by this version; use a unix \
                 socket, the loopback interface or a tunnel, and leave sslmode away",
                crate::record::bounded(&mode, 20)
            )));
        }
        let listens = match own.listen.as_deref() {
            None | Some("on") => true,
            Some("off") => false,
            Some(_) => {
                return Err(Error::Refused(
                    "listen in the address of PostgreSQL is on or off".to_owned(),
                ));
            }
        };
        let mut config = tokio_postgres::Config::from_str(&plain).map_err(|_| malformed())?;
        config.ssl_mode(SslMode::Disable);
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            config.host_path(DEFAULT_SOCKET);
        }
        if config.get_application_name().is_none() {
            config.application_name("mirrorlistd");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        config
            .tcp_user_timeout(UNACKNOWLEDGED_TIMEOUT)
            .keepalives(true)
            .keepalives_idle(KEEPALIVE_IDLE)
            .keepalives_interval(KEEPALIVE_INTERVAL)
            .keepalives_retries(KEEPALIVE_RETRIES);
        let place = place(&config)?;
        let passfile = own.passfile.map(PathBuf::from).or(passfile);
        Ok(Self { config, place, passfile, listens })
    }

    /// Whether a connection may wait for messages of other processes, and keep prepared statements.
    pub(super) fn listens(&self) -> bool {
        self.listens
    }

    /// Whether the connection leaves this machine.
    pub(super) fn is_remote(&self) -> bool {
        let is_local = |host: &Host| match host {
            Host::Unix(_) => true,
            Host::Tcp(name) => {
                name == "localhost"
                    || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
            }
        };
        !self.config.get_hosts().iter().all(is_local)
            || !self.config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback)
    }

    /// What to connect with. The file of passwords is read each time, so that a new password counts from
    /// the next connection on.
    pub(super) fn config(&self) -> Result<tokio_postgres::Config, Error> {
        let mut config = self.config.clone();
        let Some(path) = self.passfile.as_deref().filter(|_| config.get_password().is_none())
        else {
            return Ok(config);
        };
        let password =
            passfile::find_password(path, &login(&self.config, &host_name(&self.config)));
        match password {
            Ok(Some(password)) => drop(config.password(password)),
            // The server may ask for none.
            Ok(None) => {}
            Err(reason) => return Err(Error::Open { place: self.place.clone(), reason }),
        }
        Ok(config)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.place)
    }
}

fn malformed() -> Error {
    Error::Refused(
        "the address of the store is none of PostgreSQL's: write postgresql://USER@HOST/DATABASE, with %40 \
         for `@`, %2F for `/` and %3A for `:` in a name or a password"
            .to_owned(),
    )
}

fn is_without_tls(mode: &str) -> bool {
    ["disable", "allow", "prefer"].contains(&mode)
}

fn host_name(config: &tokio_postgres::Config) -> String {
    match (config.get_hosts().first(), config.get_hostaddrs().first()) {
        (Some(Host::Tcp(name)), _) => name.clone(),
        (Some(Host::Unix(path)), _) => path.display().to_string(),
        (None, Some(address)) => address.to_string(),
        (None, None) => DEFAULT_SOCKET.to_owned(),
    }
}

fn login<'l>(config: &'l tokio_postgres::Config, host: &'l str) -> Login<'l> {
    let user = config.get_user().unwrap_or_default();
    Login {
        host,
        port: config.get_ports().first().copied().unwrap_or(DEFAULT_PORT),
        database: config.get_dbname().unwrap_or(user),
        user,
    }
}

/// The address for messages: what of it is no secret.
fn place(config: &tokio_postgres::Config) -> Result<String, Error> {
    let host = host_name(config);
    let Login { port, database, .. } = login(config, &host);
    // An `@` that a password holds would end the password, and the rest of it be taken for these.
    if host.contains('@') || database.contains('@') {
        return Err(malformed());
    }
    let port = if port == DEFAULT_PORT { String::new() } else { format!(" port {port}") };
    let database = match database {
        "" => String::new(),
        database => format!(" database {database}"),
    };
    Ok(crate::record::bounded(
        &format!("postgresql {}{port}{database}", Path::new(&host).display()),
        200,
    ))
}

/// The parameters that PostgreSQL's crate does not know, or that are decided here.
#[derive(Default)]
struct OwnParameters {
    listen: Option<String>,
    passfile: Option<String>,
    ssl_mode: Option<String>,
}

impl OwnParameters {
    /// Takes a parameter, if it is one of these.
    fn take(&mut self, key: &str, value: &str) -> bool {
        let field = match key {
            "listen" => &mut self.listen,
            "passfile" => &mut self.passfile,
            "sslmode" => &mut self.ssl_mode,
            _ => return false,
        };
        *field = Some(value.to_owned());
        true
    }
}

/// The text without these parameters, and the parameters.
fn take_own_parameters(text: &str) -> Option<(String, OwnParameters)> {
    let mut own = OwnParameters::default();
    if !SCHEMES.iter().any(|scheme| text.starts_with(scheme)) {
        let plain = take_from_pairs(text, &mut own)?;
        return Some((plain, own));
    }
    let Some((before, query)) = text.split_once('?') else { return Some((text.to_owned(), own)) };
    let mut kept = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=')?;
        if !own.take(key, &decode(value)?) {
            kept.push(pair);
        }
    }
    let plain = match kept.is_empty() {
        true => before.to_owned(),
        false => format!("{before}?{}", kept.join("&")),
    };
    Some((plain, own))
}

/// The same for `key=value` pairs, in which quotes keep spaces and a backslash keeps either.
fn take_from_pairs(text: &str, own: &mut OwnParameters) -> Option<String> {
    let mut kept = String::new();
    let mut characters = text.chars().peekable();
    loop {
        while characters.next_if(|c| c.is_whitespace()).is_some() {}
        if characters.peek().is_none() {
            return Some(kept);
        }
        let mut key = String::new();
        while let Some(character) = characters.next_if(|c| *c != '=' && !c.is_whitespace()) {
            key.push(character);
        }
        while characters.next_if(|c| c.is_whitespace()).is_some() {}
        characters.next_if_eq(&'=')?;
        while characters.next_if(|c| c.is_whitespace()).is_some() {}
        let is_quoted = characters.next_if_eq(&'\'').is_some();
        let mut value = String::new();
        loop {
            match characters.next() {
                Some('\'') if is_quoted => break,
                Some('\\') => value.push(characters.next()?),
                Some(character) if !is_quoted && character.is_whitespace() => break,
                Some(character) => value.push(character),
                None if is_quoted => return None,
                None => break,
            }
        }
        if !own.take(&key, &value) {
            let value = value.replace('\\', "\\\\").replace('\'', "\\'");
            kept.push_str(&format!("{key}='{value}' "));
        }
    }
}

/// Percent-encoding taken away.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        match (byte, after) {
            (b'%', [high, low, after @ ..]) => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let value = digit(*high)? * 16 + digit(*low)?;
                bytes.push(u8::try_from(value).ok()?);
                rest = after;
            }
            (b'%', _) => return None,
            (byte, after) => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn parse(text: &str) -> Result<Address, Error> {
        Address::parse_with(text, None)
    }

    #[track_caller]
    fn check(text: &str, place: &str) {
        assert_eq!(parse(text).unwrap().to_string(), place, "{text}");
    }

    #[test]
    fn addresses_are_shown_without_user_and_password() {
        check("postgresql://me:secret@db.example/tasks", "postgresql db.example database tasks");
        check("postgres://me:secret@[::1]:5433/tasks", "postgresql ::1 port 5433 database tasks");
        check("postgresql://me@%2Frun%2Fpg/tasks", "postgresql /run/pg database tasks");
        check("host=db user=me password='a b' dbname=tasks", "postgresql db database tasks");
        check("postgresql:///tasks?user=me", "postgresql /var/run/postgresql database tasks");
        check("user=me", "postgresql /var/run/postgresql database me");
    }

    #[test]
    fn no_message_repeats_a_password() {
        let texts = [
            "postgresql://me:p@secret/word@db/tasks",
            "postgresql://me:secret@db/x@y",
            "postgresql://me@db/tasks?password=a&secret=b",
            "postgresql://me@db/tasks?password=a&secret",
            "host=db pass word=secret",
            "host=db password='secret",
            "host=db port=secret",
            "postgresql://me:x@db:secret/tasks",
            "secret",
        ];
        for text in texts {
            let shown = match parse(text) {
                Ok(address) => format!("{address} {address:?}"),
                Err(error) => format!("{error} {error:?}"),
            };
            assert!(!shown.contains("secret"), "{text}: {shown}");
        }
        let hidden = parse("postgresql://me:secret@db/tasks").unwrap();
        assert!(!format!("{hidden:?}").contains("secret"));
    }

    #[test]
    fn encryption_that_is_not_there_is_not_promised() {
        for mode in ["require", "verify-ca", "verify-full", "nonsense"] {
            for text in
                [format!("postgresql://db/tasks?sslmode={mode}"), format!("host=db sslmode={mode}")]
            {
                let error = parse(&text).unwrap_err().to_string();
                assert!(error.contains(&format!("sslmode={mode}: ")), "{error}");
                assert!(error.contains("not encrypted"), "{error}");
            }
        }
        for mode in ["disable", "allow", "prefer"] {
            parse(&format!("postgresql://db/tasks?sslmode={mode}")).unwrap();
        }
    }

    #[test]
    fn listening_can_be_switched_off() {
        assert!(parse("postgresql://db/tasks").unwrap().listens());
        assert!(!parse("postgresql://db/tasks?connect_timeout=3&listen=off").unwrap().listens());
        assert!(!parse("host=db listen = 'off' dbname=tasks").unwrap().listens());
        assert!(parse("postgresql://db/tasks?listen=maybe").is_err());
    }

    #[test]
    fn an_address_that_leaves_the_machine_is_known() {
        for text in ["postgresql:///x", "host=127.0.0.1", "host=localhost", "postgresql://[::1]/x"]
        {
            assert!(!parse(text).unwrap().is_remote(), "{text}");
        }
        assert!(parse("postgresql://db.example/x").unwrap().is_remote());
        assert!(parse("host=localhost,192.0.2.1").unwrap().is_remote());
        assert!(parse("hostaddr=192.0.2.1 user=me").unwrap().is_remote());
    }

    #[test]
    fn a_password_comes_from_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "db:5432:tasks:me:from file\n").unwrap();
        let path = file.path().display();
        let address = parse(&format!("postgresql://me@db/tasks?passfile={path}")).unwrap();
        fs::set_permissions(file.path(), Permissions::from_mode(0o644)).unwrap();
        let error = address.config().unwrap_err().to_string();
        assert!(error.contains("chmod 600"), "{error}");
        fs::set_permissions(file.path(), Permissions::from_mode(0o600)).unwrap();
        assert_eq!(address.config().unwrap().get_password(), Some(&b"from file"[..]));
        // One in the address comes first, and a variable names the file as well.
        let address =
            Address::parse_with("postgresql://me:x@db/tasks", Some(file.path().into())).unwrap();
        assert_eq!(address.config().unwrap().get_password(), Some(&b"x"[..]));
        let address =
            Address::parse_with("host=db user=me dbname=tasks", Some(file.path().into())).unwrap();
        assert_eq!(address.config().unwrap().get_password(), Some(&b"from file"[..]));
    }
}
