//! The text of messages that are returned instead of a list.

use super::target::Message;
use crate::formats::metalink;
use crate::formats::mirrorlist;
use encode::append::Append;
use encode::text::Text;

/// Writes a message as text, without the list of repositories that can follow one of them.
pub(super) fn push_message(message: &Message<'_, '_>, body: &mut impl Append) {
    match message {
        Message::Fixed(text) => body.push_str(text),
        Message::BadQuery(reason) => body.push_all(["error: ", &reason.to_string(), "\n"]),
        Message::BadAddress(text) => body.push_all(["error: ip=", text, " is no address\n"]),
        Message::BadValue(parameter, reason) => {
            body.push_all(["error: the value of ", parameter, "= ", &reason.to_string(), "\n"]);
        }
        Message::Unresolved(reason) => body.push_all(["error: ", &reason.to_string(), "\n"]),
        Message::UnknownCategory(name) => {
            body.push_all(["# category = ", name, " error: invalid category\n"]);
        }
        Message::UnknownRepository(subject) => {
            mirrorlist::push_subject(subject, body);
            body.push_str("error: invalid repo or arch\n");
        }
        Message::Divided(subject) => {
            mirrorlist::push_subject(subject, body);
            body.push_str(
                "error: the directories of its architectures differ in more than their names\n",
            );
        }
        Message::NotCarried(subject) => {
            mirrorlist::push_subject(subject, body);
            body.push_str("error: no mirror carries it\n");
        }
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
