//! URLs of web pages, such as that of a sponsor, and mail addresses.

use super::base_url::BaseUrl;
use super::url::Protocol;

/// The greatest length of such a URL in bytes.
const MAX_LEN: usize = 1_000;

/// Whether a text is a URL of http or https to which a page can link: without a user, blanks and control
/// characters. Unlike a base URL, it may have a query and a fragment. Where it is written it must be
/// escaped, as any text.
pub fn is_page_url(text: &str) -> bool {
    let end = text.find(['?', '#']).unwrap_or(text.len());
    let Some((base, rest)) = text.split_at_checked(end) else { return false };
    let is_web = |url: BaseUrl| matches!(url.protocol(), Protocol::Https | Protocol::Http);
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
    text.len() <= MAX_LEN
        && !text.contains(char::is_whitespace)
        && BaseUrl::parse(base).is_ok_and(is_web)
        && rest.bytes().all(is_plain)
}

/// Whether a text says whom to ask: a mail address, or the URL of a page.
pub fn is_contact(text: &str) -> bool {
    let is_mail = |(user, host): (&str, &str)| {
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\"'<>()@,;:\\/[]`".contains(&byte);
        !user.is_empty()
            && host.contains('.')
            && [user, host].iter().all(|text| text.bytes().all(is_plain))
    };
    text.split_once('@').is_some_and(is_mail) || is_page_url(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contacts_are_mail_addresses_and_pages() {
        for text in ["a@b.example", "a+b@c.example", "https://a.example/~b?c#d"] {
            assert!(is_contact(text), "{text}");
        }
        for text in ["", "a", "not a mail", "@b.example", "a@b", "a b@c.example", "a@b@c.example"] {
            assert!(!is_contact(text), "{text}");
        }
    }

    #[test]
    fn pages_may_have_queries_and_fragments() {
        for url in ["https://a.example", "http://a.example/x/?y=1&z=%20#top", "https://ü.example/ü"]
        {
            assert!(is_page_url(url), "{url}");
        }
        let long = format!("https://a.example/{}", "a".repeat(MAX_LEN));
        for text in [
            "",
            "a.example",
            "javascript:alert(1)",
            "ftp://a.example/",
            "https://me:secret@a.example/",
            "https://a.example/ b",
            " https://a.example/",
            "https://a.example/?\"",
            "https://a.example/?ü",
            "https://a.example/?a\u{1}",
            &long,
        ] {
            assert!(!is_page_url(text), "{text}");
        }
    }
}
