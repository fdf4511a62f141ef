//! Reads metalinks with an independent XML parser.

use quick_xml::events::Event;

/// The URLs of a document, in order; panics if it is not well-formed.
pub fn urls(text: &str) -> Vec<String> {
    let mut reader = quick_xml::Reader::from_str(text);
    reader.config_mut().check_comments = true;
    let mut urls = Vec::new();
    let mut content = String::new();
    let mut depth = 0;
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{error}\n{text}")) {
            Event::Start(start) => {
                depth += 1;
                content.clear();
                start.attributes().for_each(|pair| drop(pair.unwrap()));
            }
            Event::Text(part) => content.push_str(&part),
            Event::GeneralRef(entity) => match (entity.resolve_char_ref().unwrap(), &*entity) {
                (Some(character), _) => content.push(character),
                (None, "amp") => content.push('&'),
                (None, "lt") => content.push('<'),
                (None, "gt") => content.push('>'),
                (None, "quot") => content.push('"'),
                (None, other) => panic!("unknown entity {other}\n{text}"),
            },
            Event::End(end) => {
                depth -= 1;
                if end.name().as_ref() == "url" {
                    urls.push(content.clone());
                }
            }
            Event::Comment(_) | Event::Decl(_) => {}
            Event::Eof => break,
            other => panic!("unexpected {other:?}\n{text}"),
        }
    }
    assert_eq!(depth, 0, "{text}");
    // The parser does not check that XML allows the characters.
    let is_xml = |c| matches!(c, '\n' | ' '..'\u{fffe}' | '\u{10000}'..);
    assert!(text.chars().all(is_xml), "{text:?}");
    urls
}
