//! The rules of the transport, on a real socket.

use std::time::Instant;

use crate::server::{DEMO, HasBody, Server};

#[test]
fn what_is_not_served_is_refused_with_a_reason() {
    let server = Server::start(&[]);
    let check = |request: &str, status: u16, reason: &str| {
        let response = server.ask(&format!("{request}\r\n\r\n"));
        assert_eq!(response.status(), status, "{request}: {response:?}");
        assert!(response.body.starts_with(reason), "{request}: {response:?}");
        assert_eq!(response.body.lines().count(), 1, "{request}: {response:?}");
        response
    };
    check("GET / HTTP/1.1\r\nHost: a", 404, "not found");
    check("GET /metalink/ HTTP/1.1\r\nHost: a", 404, "not found");
    let refused = check("DELETE /metalink HTTP/1.1\r\nHost: a", 405, "only GET, HEAD and OPTIONS");
    assert_eq!(refused.header("allow"), Some("GET, HEAD, OPTIONS"));
    check("GET /metalink HTTP/1.1", 400, "an HTTP/1.1 request needs a Host");
    check("GET /metalink HTTP/1.1\r\nHost: a\r\nHost: a", 400, "more than one Host");
    check("GET /metalink HTTP/1.1\r\nHost: a/b", 400, "the Host header is malformed");
    let long = "x".repeat(8_000);
    check(&format!("GET /metalink?{long} HTTP/1.1\r\nHost: a"), 414, "the request target");
}

#[test]
fn scripts_of_any_site_may_read_every_answer() {
    let server = Server::start(&[]);
    for (request, status) in [
        (format!("GET {DEMO}"), 200),
        (format!("GET {}", DEMO.replace("mirrorlist", "metalink")), 200),
        (format!("GET {}", DEMO.replace("mirrorlist", "metalink4")), 200),
        (format!("GET {DEMO}&format=json"), 200),
        (format!("GET {DEMO}&redirect=1"), 302),
        ("GET /mirrorlist?repo=x&arch=y".into(), 404),
        ("GET /metalink?repo=%ff".into(), 400),
        ("PUT /mirrorlist".into(), 405),
        ("OPTIONS /nowhere".into(), 404),
        (format!("GET /metalink?{}", "x".repeat(8_000)), 414),
    ] {
        let response = server.ask(&format!("{request} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(response.status(), status, "{request}");
        assert_eq!(response.header("access-control-allow-origin"), Some("*"), "{request}");
        assert_eq!(response.header("access-control-allow-methods"), None, "{request}");
    }
}

#[test]
fn options_say_what_may_be_asked() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    for target in [DEMO, "/deep/metalink", "/metalink4", "*"] {
        client.send(&format!(
            "OPTIONS {target} HTTP/1.1\r\nHost: a\r\nOrigin: https://b\r\n\
             Access-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: x-y\r\n\r\n"
        ));
        // 204: no body and no length, and the connection goes on.
        let response = client.read_response(HasBody::No);
        assert_eq!(response.status(), 204, "{target}");
        assert_eq!(
            response.headers(),
            [
                "allow: GET, HEAD, OPTIONS",
                "access-control-allow-origin: *",
                "access-control-allow-methods: GET, HEAD, OPTIONS",
                "access-control-allow-headers: *",
                "access-control-max-age: 86400",
            ],
            "{target}"
        );
    }
    let body = format!("OPTIONS {DEMO} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
    assert_eq!(server.ask(&body).status(), 413);
}

#[test]
fn a_request_with_a_body_is_refused_and_its_connection_closed() {
    let server = Server::start(&[]);
    for announcement in ["Content-Length: 5", "Transfer-Encoding: chunked"] {
        for body in ["", "5\r\nhello\r\n0\r\n\r\nGET /mirrorlist HTTP/1.1\r\nHost: a\r\n\r\n"] {
            let mut client = server.connect();
            client.send(&format!("GET {DEMO} HTTP/1.1\r\nHost: a\r\n{announcement}\r\n\r\n{body}"));
            let response = client.read_response(HasBody::Yes);
            assert_eq!(response.status(), 413, "{announcement}");
            assert_eq!(response.header("connection"), Some("close"), "{announcement}");
            assert_eq!(client.read_to_end(), "", "{announcement}");
        }
    }
    let nothing = format!("GET {DEMO} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(server.ask(&nothing).status(), 200);
}

#[test]
fn http_1_0_without_host_is_how_haproxy_checks() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.send(&format!("GET {DEMO} HTTP/1.0\r\n\r\n"));
    assert_eq!(client.read_response(HasBody::Yes).status(), 200);
    assert_eq!(client.read_to_end(), "", "HTTP/1.0 ends with the connection");
}

#[test]
fn head_is_get_without_the_body() {
    let server = Server::start(&[]);
    for target in [DEMO, "/mirrorlist", "/nothing/here"] {
        let get = server.get(target);
        let mut client = server.connect();
        client.send(&format!("HEAD {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
        let head = client.read_response(HasBody::No);
        assert_eq!(head.status(), get.status(), "{target}");
        let mut headers = head.headers();
        headers.retain(|line| *line != "connection: close");
        assert_eq!(headers, get.headers(), "{target}");
        assert_eq!(client.read_to_end(), "", "{target}");
    }
    // Whom redirects name is by chance.
    let mut client = server.connect();
    for method in ["GET", "HEAD", "GET"] {
        client.send(&format!("{method} {DEMO}&redirect=1 HTTP/1.1\r\nHost: a\r\n\r\n"));
        let redirect = client.read_response(HasBody::No);
        assert_eq!(redirect.status(), 302, "{method}");
        assert_eq!(redirect.header("content-length"), Some("0"), "{method}");
        assert_eq!(redirect.header("content-type"), Some("text/plain"), "{method}");
        assert!(redirect.header("location").is_some() && redirect.header("link").is_some());
    }
}

#[test]
fn answers_name_their_generation_and_depend_on_the_client() {
    let server = Server::start(&[]);
    let response = server.get(DEMO);
    let generation = response.header("mirrorlist-generation").expect("a generation");
    assert_eq!(generation.len(), 16);
    assert!(generation.bytes().all(|b| b.is_ascii_hexdigit()));
    assert_eq!(response.header("cache-control"), Some("private"));
    assert_eq!(response.header("content-type"), Some("text/plain"));
}

#[test]
fn a_connection_is_kept_through_answers_and_errors() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    for (target, status) in [(DEMO, 200), ("/nothing", 404), (DEMO, 200)] {
        client.send(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(client.read_response(HasBody::Yes).status(), status);
    }
    // Pipelined, and the last one asks for the end.
    client.send(&format!("GET {DEMO} HTTP/1.1\r\nHost: a\r\n\r\n").repeat(50));
    client.send(&format!("GET {DEMO} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    for _ in 0..51 {
        assert_eq!(client.read_response(HasBody::Yes).status(), 200);
    }
    assert_eq!(client.read_to_end(), "");
}

#[test]
fn too_many_or_too_long_headers_are_431() {
    let server = Server::start(&[]);
    for headers in ["X: y\r\n".repeat(65), format!("X: {}\r\n", "y".repeat(17_000))] {
        let mut client = server.connect();
        client.send(&format!("GET {DEMO} HTTP/1.1\r\nHost: a\r\n{headers}\r\n"));
        assert!(client.read_to_end().starts_with("HTTP/1.1 431 "));
    }
}

#[test]
fn connections_beyond_the_limit_take_the_place_of_idle_ones() {
    let start = Instant::now();
    let server = Server::start_with("[limits]\nmax_connections = 2\n", &[]);
    let mut clients: Vec<_> = (0..6).map(|_| server.connect()).collect();
    let (silent, last) = clients.split_at_mut(4);
    for client in silent {
        assert_eq!(client.read_to_end(), "");
    }
    for client in last {
        client.send(&format!("GET {DEMO} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(client.read_response(HasBody::Yes).status(), 200);
    }
    server.check_logged_once_a_minute("the limit of 2 connections is near", start);
}
