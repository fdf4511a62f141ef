//! The names of local users.

use std::path::Path;

use runtime::regular_file;

/// The longest list of users that is read, in bytes.
const MAX_BYTES: u64 = 256 * 1024;

/// The name of the user with this number, or the number if `/etc/passwd` does not know it.
pub(super) fn name_of(number: u32) -> String {
    let known = regular_file::read(Path::new("/etc/passwd"), MAX_BYTES).unwrap_or_default();
    name_in(&String::from_utf8_lossy(&known), number).unwrap_or_else(|| format!("uid {number}"))
}

fn name_in(passwd: &str, number: u32) -> Option<String> {
    let number = number.to_string();
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, id) = (fields.next()?, fields.next()?, fields.next()?);
        (id == number && !name.is_empty()).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_the_name_of_the_list() {
        let list = "root:x:0:0:root:/root:/bin/sh\nbroken\n:x:7:7\nmirror:x:1000:1000::/:/bin/sh\n";
        assert_eq!(name_in(list, 0).as_deref(), Some("root"));
        assert_eq!(name_in(list, 1_000).as_deref(), Some("mirror"));
        assert_eq!((name_in(list, 7), name_in(list, 100), name_in("", 0)), (None, None, None));
    }
}
