//! Calls of XML-RPC with one string, and answers to them.
//!
//! A call is read as `repomd.xml` is: well-formed to its end, without a document type, of limited depth. Of the
//! types of XML-RPC only strings are read, with `<string>` around them or without.

use encode::xml::escape_into;
use model::one_line::one_line;
use quick_xml::events::Event;
use quick_xml::reader::Reader;

use super::error::CheckinError;

/// The deepest element. A call with a string has six levels.
const MAX_DEPTH: usize = 16;

/// A call.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Call {
    /// The name of the method.
    pub method: String,
    /// Its parameters.
    pub parameters: Vec<String>,
}

/// Reads a call.
pub fn parse(body: &[u8]) -> Result<Call, CheckinError> {
    let no_call = |problem: &str| CheckinError::NoCall(one_line(&problem));
    let text = std::str::from_utf8(body).map_err(|_| no_call("it is no UTF-8"))?;
    let mut reader = Reader::from_str(text.trim());
    let mut parser = Parser::default();
    loop {
        let at = reader.buffer_position();
        let malformed = |error: String| no_call(&format!("at byte {at}: {error}"));
        match reader.read_event().map_err(|error| malformed(error.to_string()))? {
            Event::Start(start) => {
                parser.open(start.name().as_ref()).map_err(no_call)?;
            }
            Event::Empty(start) => {
                parser.open(start.name().as_ref()).map_err(no_call)?;
                parser.close();
            }
            Event::End(_) => parser.close(),
            Event::Text(part) => parser.content.push_str(&part),
            Event::CData(part) => parser.content.push_str(&part),
            Event::GeneralRef(entity) => match entity.resolve_char_ref() {
                Ok(Some(character)) => parser.content.push(character),
                Ok(None) => match quick_xml::escape::resolve_xml_entity(&entity) {
                    Some(text) => parser.content.push_str(text),
                    None => return Err(malformed(format!("unknown entity &{};", &*entity))),
                },
                Err(error) => return Err(malformed(error.to_string())),
            },
            Event::DocType(_) => return Err(no_call("it has a document type")),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => return parser.finish().map_err(no_call),
        }
    }
}

/// Where a parameter or the method's name stands: its elements from the outermost.
const METHOD: &[&str] = &["methodCall", "methodName"];
const VALUE: &[&str] = &["methodCall", "params", "param", "value"];
const STRING: &[&str] = &["methodCall", "params", "param", "value", "string"];

#[derive(Default)]
struct Parser {
    open: Vec<String>,
    /// Text since the last start or end of an element.
    content: String,
    method: Option<String>,
    parameters: Vec<String>,
    /// Whether the value that is open has an element in it.
    has_type: bool,
    has_begun: bool,
}

impl Parser {
    fn open(&mut self, name: &str) -> Result<(), &'static str> {
        if self.open.is_empty() && self.has_begun {
            return Err("it has a second outermost element");
        }
        if self.open.len() >= MAX_DEPTH {
            return Err("its elements lie too deep in one another");
        }
        self.has_begun = true;
        if self.open == VALUE {
            self.has_type = true;
            if name != "string" {
                return Err("it has a parameter that is no string");
            }
        }
        self.open.push(name.to_owned());
        if self.open == VALUE {
            self.has_type = false;
        }
        self.content.clear();
        Ok(())
    }

    fn close(&mut self) {
        let content = std::mem::take(&mut self.content);
        if self.open == METHOD {
            self.method = Some(content.trim().to_owned());
        } else if self.open == STRING || (self.open == VALUE && !self.has_type) {
            self.parameters.push(content);
        }
        self.open.pop();
    }

    fn finish(self) -> Result<Call, &'static str> {
        match self.method {
            Some(method) if self.open.is_empty() => {
                Ok(Call { method, parameters: self.parameters })
            }
            None if self.open.is_empty() => Err("it names no method"),
            _ => Err("it ends before its last element does"),
        }
    }
}

/// The answer of a call that has succeeded: a string.
pub fn success(text: &str) -> String {
    let mut out =
        "<?xml version=\"1.0\"?>\n<methodResponse><params><param><value><string>".to_owned();
    escape_into(text, &mut out);
    out.push_str("</string></value></param></params></methodResponse>\n");
    out
}

/// The answer of a call that has failed.
pub fn fault(code: i32, text: &str) -> String {
    let mut out = format!(
        "<?xml version=\"1.0\"?>\n<methodResponse><fault><value><struct>\
         <member><name>faultCode</name><value><int>{code}</int></value></member>\
         <member><name>faultString</name><value><string>"
    );
    escape_into(text, &mut out);
    out.push_str("</string></value></member></struct></value></fault></methodResponse>\n");
    out
}
