//! Check-ins: what a mirror says of itself, decoded within limits and believed by nobody.
//!
//! A check-in tells that a mirror has finished a sync, and which directories it has. It makes a visit come sooner, and
//! stands for none: mirrors that cannot be visited, such as private ones, cannot check in. There are two forms:
//!
//! - [`json`]: a document of ours, posted with a token.
//! - [`report_mirror`]: what MirrorManager's program of that name sends: a call of XML-RPC ([`xml_rpc`]) with
//!   one string, base64 of bzip2 of JSON, with the password of a site in it.
//!
//! Both come from outside and may be made to hurt: of a packed document, 8 MiB may stand for any number of
//! gigabytes. So it is unpacked piece by piece while it is parsed, and at a limit nothing more is unpacked;
//! of what it says, only names of directories are kept ([`Limits`]). Of a report, little is unpacked before it is known
//! whose it is.
//!
//! Whether the password is right is not decided here ([`model::secret`] compares), nor what follows from it.

mod limits;
mod directories;
mod reading;
mod error;
pub mod json;
pub mod xml_rpc;
pub mod report_mirror;

pub use directories::Directories;
pub use error::CheckinError;
pub use limits::Limits;

#[cfg(test)]
mod tests;
