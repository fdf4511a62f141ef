//! Passwords in a file, in the format of PostgreSQL's own `.pgpass`.
//!
//! Each line is `host:port:database:user:password`. `*` stands for any value of one of the first four, a
//! backslash takes the meaning from a colon or a backslash, and a line that begins with `#` is a comment.
//! The first line that fits counts. For a unix socket, `localhost` is the host as well as the folder.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// More than any such file holds.
const MAX_BYTES: u64 = 1024 * 1024;
/// The access that nobody else may have.
const ACCESS_OF_OTHERS: u32 = 0o077;

/// What a password is for.
pub(super) struct Login<'l> {
    /// The host, or the folder of the socket.
    pub(super) host: &'l str,
    /// The port.
    pub(super) port: u16,
    /// The database.
    pub(super) database: &'l str,
    /// The user.
    pub(super) user: &'l str,
}

/// The password for `login` in a file, if it has one. The message of an error names the file and no
/// password.
pub(super) fn find_password(path: &Path, login: &Login<'_>) -> Result<Option<String>, String> {
    let text = read(path).map_err(|reason| format!("{}: {reason}", path.display()))?;
    Ok(find_in(&text, login))
}

fn read(path: &Path) -> Result<String, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("is not a file".to_owned());
    }
    let mode = metadata.mode() & 0o777;
    if mode & ACCESS_OF_OTHERS != 0 {
        return Err(format!(
            "has mode {mode:03o}: others may read the passwords in it; chmod 600 it"
        ));
    }
    let mut text = String::new();
    file.take(MAX_BYTES).read_to_string(&mut text).map_err(|error| error.to_string())?;
    Ok(text)
}

fn find_in(text: &str, login: &Login<'_>) -> Option<String> {
    let is_socket = login.host.starts_with('/');
    let port = login.port.to_string();
    let matches = |field: &str, value: &str| field == "*" || field == value;
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields: [String; 5] = split(line).try_into().ok()?;
        let [host, for_port, database, user, password] = fields;
        let is_host = matches(&host, login.host) || (is_socket && host == "localhost");
        let fits = is_host
            && matches(&for_port, &port)
            && matches(&database, login.database)
            && matches(&user, login.user);
        fits.then_some(password)
    })
}

/// The fields of a line. The fifth one has the rest.
fn split(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        let is_end = character == ':' && fields.len() < 5;
        if is_end {
            fields.push(String::new());
            continue;
        }
        let character = match character {
            '\\' => characters.next().unwrap_or('\\'),
            other => other,
        };
        if let Some(field) = fields.last_mut() {
            field.push(character);
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const LOGIN: Login<'_> = Login { host: "db", port: 5432, database: "tasks", user: "me" };

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(find_in(text, &LOGIN).as_deref(), expected, "{text}");
    }

    #[test]
    fn the_first_line_that_fits_counts() {
        check("db:5432:tasks:me:secret", Some("secret"));
        check(
            "# db:5432:tasks:me:no\nother:5432:tasks:me:no\n*:*:*:me:yes\n*:*:*:*:no",
            Some("yes"),
        );
        check("db:5433:tasks:me:no", None);
        check("db:5432:tasks:me", None);
        check("", None);
    }

    #[test]
    fn a_backslash_takes_the_meaning_away() {
        check(r"db:5432:tasks:me:a\:b\\c", Some(r"a:b\c"));
        check("db:5432:tasks:me:a:b", Some("a:b"));
        check(r"d\b:5432:tasks:me:x\", Some(r"x\"));
    }

    #[test]
    fn a_socket_is_also_called_localhost() {
        let login = Login { host: "/run/postgresql", ..LOGIN };
        assert_eq!(find_in("localhost:*:*:*:x", &login).as_deref(), Some("x"));
        assert_eq!(find_in("/run/postgresql:*:*:*:y", &login).as_deref(), Some("y"));
        check("localhost:*:*:*:x", None);
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "*:*:*:*:secret").unwrap();
        fs::set_permissions(file.path(), Permissions::from_mode(0o640)).unwrap();
        let error = find_password(file.path(), &LOGIN).unwrap_err();
        assert!(error.ends_with("has mode 640: others may read the passwords in it; chmod 600 it"));
        fs::set_permissions(file.path(), Permissions::from_mode(0o600)).unwrap();
        assert_eq!(find_password(file.path(), &LOGIN).unwrap().as_deref(), Some("secret"));
        assert!(find_password(Path::new("/nowhere/pass"), &LOGIN).is_err());
    }
}
