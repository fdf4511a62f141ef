//! The text of messages that are returned instead of a list.

use super::target::Message;
use crate::formats::metalink;
use crate::formats::mirrorlist;
use encode::append::Append;
use encode::text::Text;

/// Writes a message as text, without the list of repositories that can follow one of them.
pub(super) fn push_message(message: &Message<'_, '_>, body: &mut impl Append) {
    match message {
        Message::UnknownCategory(name) => body.push_all(["# category = ", name, " "]),
        Message::UnknownRepository(subject)
        | Message::Divided(subject)
        | Message::NotCarried(subject) => mirrorlist::push_subject(subject, body),
        _ => {}
    }
    push_error(message, body);
}

/// The reason why there is no list, for people: one line, without what marks a comment or an error in an
/// answer, and without the subject before it.
pub(super) fn reason(message: &Message<'_, '_>) -> String {
    let mut text = String::new();
    push_error(message, &mut text);
    let text = text.trim_end();
    let text = text.strip_prefix("# ").unwrap_or(text);
    text.strip_prefix("error: ").unwrap_or(text).to_owned()
}

/// Writes a message without its subject.
fn push_error(message: &Message<'_, '_>, body: &mut impl Append) {
    match message {
        Message::Fixed(text) => body.push_str(text),
        Message::BadQuery(reason) => body.push_all(["error: ", &reason.to_string(), "\n"]),
        Message::BadAddress(text) => body.push_all(["error: ip=", text, " is no address\n"]),
        Message::BadValue(parameter, reason) => {
            body.push_all(["error: the value of ", parameter, "= ", &reason.to_string(), "\n"]);
        }
        Message::Unresolved(reason) => body.push_all(["error: ", &reason.to_string(), "\n"]),
        Message::UnknownCategory(_) => body.push_str("error: invalid category\n"),
        Message::UnknownRepository(_) => body.push_str("error: invalid repo or arch\n"),
        Message::Divided(_) => body.push_str(
            "error: the directories of its architectures differ in more than their names\n",
        ),
        Message::NotCarried(_) => body.push_str("error: no mirror carries it\n"),
        Message::NoMetalink(directory, file) => {
            body.push_all([directory, "/", file, " not found or has not metalink"]);
        }
        Message::NoChecksums(directory, file) => {
            body.push_all([
                directory,
                "/",
                file,
                " has no metalink: this server has no checksums ",
            ]);
            body.push_str("of files; /mirrorlist lists the mirrors");
        }
        Message::NoRepodata(path) => {
            let folder = if path.ends_with("/repodata") { "" } else { "/repodata" };
            body.push_all([path, folder, "/repomd.xml not found or has not metalink"]);
        }
    }
}

/// Writes a message, escaped for an XML comment, without the end of its last line.
pub(super) fn push_xml_message(message: &Message<'_, '_>, body: &mut Text) {
    let mut text = String::new();
    push_message(message, &mut text);
    metalink::push_comment(text.trim_end_matches('\n'), body);
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::target::{Name, Subject};

    #[test]
    fn a_reason_is_one_line_without_subject_and_marks() {
        let subject = || Subject::Repository(Name::Asked(Cow::from("extra")), Cow::from("riscv"));
        for (message, expected) in [
            (
                Message::Fixed("# either path=, or repo= and arch= must be specified"),
                "either path=, or repo= and arch= must be specified",
            ),
            (Message::Fixed("error: invalid path"), "invalid path"),
            (Message::Fixed("repo disabled"), "repo disabled"),
            (Message::BadAddress(Cow::from("#x")), "ip=#x is no address"),
            (Message::UnknownCategory("isos"), "invalid category"),
            (Message::UnknownRepository(subject()), "invalid repo or arch"),
            (
                Message::Divided(subject()),
                "the directories of its architectures differ in more than their names",
            ),
            (Message::NotCarried(subject()), "no mirror carries it"),
            (Message::NotCarried(Subject::Path(Cow::from("a # b"))), "no mirror carries it"),
            (Message::NoRepodata("a/b"), "a/b/repodata/repomd.xml not found or has not metalink"),
        ] {
            assert_eq!(reason(&message), expected);
            // It is the end of what the client gets.
            let mut text = String::new();
            push_message(&message, &mut text);
            assert!(text.trim_end().ends_with(expected), "{text}");
        }
    }
}
