//! The combined log format of proxies, for servers that run without a proxy.
//!
//! The scripts that read a proxy's log count `countme` from these lines, so every request has one,
//! whatever its answer is. Text from a client is cut and ends in `...`: a target at `MAX_TARGET_BYTES`,
//! a header at `MAX_FIELD_BYTES`.

use std::io::Write;
use std::net::IpAddr;

use hyper::header::{HeaderName, REFERER, USER_AGENT};
use hyper::{Request, Response, body::Body};

use model::date::LogTime;

/// The default limit of targets: longer ones are refused.
const MAX_TARGET_BYTES: usize = 8_000;
/// The limit of a header field: longer than any real user agent. Proxies write up to 8 KB of each.
const MAX_FIELD_BYTES: usize = 512;

/// Appends the line of a request and its answer.
pub(in crate::http) fn format_line<Q, S: Body>(
    client: IpAddr,
    now: u64,
    request: &Request<Q>,
    response: &Response<S>,
    out: &mut Vec<u8>,
) {
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{client} - - [{}] \"", LogTime { seconds: now });
    push_quoted(request.method().as_str().as_bytes(), MAX_FIELD_BYTES, out);
    out.push(b' ');
    let target = request.uri().path_and_query().map_or("", |target| target.as_str());
    push_quoted(target.as_bytes(), MAX_TARGET_BYTES, out);
    let _ = write!(out, " {:?}\" {} ", request.version(), response.status().as_u16());
    let is_head = request.method() == hyper::Method::HEAD;
    match response.body().size_hint().exact().filter(|&bytes| bytes > 0 && !is_head) {
        Some(bytes) => {
            let _ = write!(out, "{bytes}");
        }
        None => out.push(b'-'),
    }
    push_header(request, &REFERER, out);
    push_header(request, &USER_AGENT, out);
    out.push(b'\n');
}

fn push_header<Q>(request: &Request<Q>, name: &HeaderName, out: &mut Vec<u8>) {
    out.extend_from_slice(b" \"");
    match request.headers().get(name) {
        Some(value) => push_quoted(value.as_bytes(), MAX_FIELD_BYTES, out),
        None => out.push(b'-'),
    }
    out.push(b'"');
}

/// Appends at most `max_bytes` bytes that a client chose, escaped so that they cannot end the quoted
/// field or the line.
fn push_quoted(bytes: &[u8], max_bytes: usize, out: &mut Vec<u8>) {
    for &byte in bytes.iter().take(max_bytes) {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b' '..=b'~' => out.push(byte),
            _ => {
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    if bytes.len() > max_bytes {
        out.extend_from_slice(b"...");
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::Full;

    use super::*;

    #[track_caller]
    fn check(request: Request<()>, body: &'static str, expected: &str) {
        let response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
        let mut out = Vec::new();
        let client = "2001:db8::1".parse().expect("a valid literal");
        format_line(client, 1_795_258_889, &request, &response, &mut out);
        assert_eq!(String::from_utf8_lossy(&out), format!("{expected}\n"));
    }

    #[test]
    fn lines_are_those_of_a_proxy() {
        let request = Request::get("http://a/metalink?repo=f41&arch=x86_64&countme=1")
            .header(USER_AGENT, "libdnf (Fedora Linux 41; server; Linux.x86_64)")
            .body(())
            .expect("a valid literal");
        check(
            request,
            "12345",
            "2001:db8::1 - - [21/Nov/2026:11:01:29 +0000] \
             \"GET /metalink?repo=f41&arch=x86_64&countme=1 HTTP/1.1\" 200 5 \"-\" \
             \"libdnf (Fedora Linux 41; server; Linux.x86_64)\"",
        );
    }

    #[test]
    fn what_a_client_chooses_is_cut() {
        let request = Request::get(format!("/{}", "t".repeat(9_000)))
            .header(USER_AGENT, "u".repeat(15_000))
            .header(REFERER, "r".repeat(MAX_FIELD_BYTES))
            .body(())
            .expect("a valid literal");
        check(
            request,
            "12345",
            &format!(
                "2001:db8::1 - - [21/Nov/2026:11:01:29 +0000] \"GET /{}... HTTP/1.1\" 200 5 \
                 \"{}\" \"{}...\"",
                "t".repeat(MAX_TARGET_BYTES - 1),
                "r".repeat(MAX_FIELD_BYTES),
                "u".repeat(MAX_FIELD_BYTES)
            ),
        );
    }

    #[test]
    fn a_client_cannot_end_its_field_or_its_line() {
        let request = Request::head("/x?'")
            .header(USER_AGENT, &b"a\" \\ \xff\tb"[..])
            .body(())
            .expect("a valid literal");
        check(
            request,
            "12345",
            "2001:db8::1 - - [21/Nov/2026:11:01:29 +0000] \"HEAD /x?' HTTP/1.1\" 200 - \"-\" \
             \"a\\\" \\\\ \\xff\\x09b\"",
        );
    }
}
