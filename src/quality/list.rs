//! Reads lists as clients do: the URLs, in their order.

use std::borrow::Cow;

use super::subject::ListFormat;

/// The URLs of a list, best first.
pub(crate) fn urls(format: ListFormat, body: &str) -> Box<dyn Iterator<Item = Cow<'_, str>> + '_> {
    match format {
        ListFormat::Mirrorlist => {
            let lines = body.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
            Box::new(lines.map(Cow::Borrowed))
        }
        ListFormat::Metalink => Box::new(body.split("<url ").skip(1).filter_map(|element| {
            let (_, text) = element.split_once('>')?;
            let (url, _) = text.split_once('<')?;
            Some(unescape(url))
        })),
    }
}

fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    Cow::Owned(text.replace("&#39;", "'").replace("&apos;", "'").replace("&amp;", "&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_found_in_both_formats() {
        let text = "# repo = a\nhttps://a/x/\n\nhttp://b/x/\n";
        let metalink = "<url protocol=\"https\" location=\"DE\">https://a/?x=1&amp;y=&lt;</url>\n\
                        <url protocol=\"http\">http://b/x/</url><url >";
        let all = |format, body| urls(format, body).collect::<Vec<_>>();
        assert_eq!(all(ListFormat::Mirrorlist, text), ["https://a/x/", "http://b/x/"]);
        assert_eq!(all(ListFormat::Metalink, metalink), ["https://a/?x=1&y=<", "http://b/x/"]);
        assert!(all(ListFormat::Metalink, "").is_empty());
    }
}
