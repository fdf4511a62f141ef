//! Parser for the wire format of Protocol Buffers, without decoding into structs.
//!
//! Fedora's 300 MB hold about 17 million tiny messages (a mirror and its URL ids, for each mirror of
//! each directory). Decoding them into structs costs an allocation each: prost takes several seconds
//! and gigabytes for the file. So the compiler parses one top-level field at a time, and never holds
//! more than one directory. The tests compare the result with that of prost.
//!
//! Groups (wire types 3 and 4) are obsolete since proto2 and not in the format, so they are an error.

use std::io::{self, BufRead};

/// The most bytes of a top-level field; a larger one counts as damage.
const MAX_FIELD: u64 = 256 << 20;

/// The reason why bytes are no Protocol Buffers message.
#[derive(Debug, thiserror::Error)]
pub enum BadWire {
    /// A field reaches beyond the end.
    #[error("it ends in the middle of a field")]
    Truncated,
    /// A number has more than ten bytes, or more than 64 bits.
    #[error("a number is longer than 64 bits")]
    Varint,
    /// Field number 0, a group, or a wire type that does not exist.
    #[error("a field has the impossible tag {0}")]
    Tag(u64),
    /// A field has another type than the format gives for its number.
    #[error("field {0} is of another type than expected")]
    Type(u32),
    /// The length of a field exceeds that of any real record.
    #[error("a field claims to be {0} bytes long")]
    TooLong(u64),
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Integers and booleans.
    Number(u64),
    /// Strings, bytes, messages, packed lists.
    Bytes(&'a [u8]),
    /// Doubles and fixed-width integers, which no used field has.
    Fixed,
}

impl<'a> Value<'a> {
    /// The number, or an error that names the field.
    pub fn number(self, field: u32) -> Result<u64, BadWire> {
        match self {
            Self::Number(number) => Ok(number),
            _ => Err(BadWire::Type(field)),
        }
    }

    /// The number as the two's complement that `int64` fields hold.
    pub fn signed(self, field: u32) -> Result<i64, BadWire> {
        self.number(field).map(u64::cast_signed)
    }

    /// The bytes, or an error that names the field.
    pub fn bytes(self, field: u32) -> Result<&'a [u8], BadWire> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(BadWire::Type(field)),
        }
    }
}

/// The fields of a message, in order.
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Walks over `message`.
    pub fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// The next field's number and value, or `None` at the end.
    pub fn next_field(&mut self) -> Result<Option<(u32, Value<'a>)>, BadWire> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = take_varint(&mut self.rest)?;
        let (field, kind) = split_tag(tag)?;
        let value = match kind {
            Kind::Varint => Value::Number(take_varint(&mut self.rest)?),
            Kind::Fixed(length) => {
                self.take(length)?;
                Value::Fixed
            }
            Kind::Bytes => {
                let length = take_varint(&mut self.rest)?;
                Value::Bytes(self.take(usize::try_from(length).map_err(|_| BadWire::Truncated)?)?)
            }
        };
        Ok(Some((field, value)))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], BadWire> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(BadWire::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }
}

/// Calls `each` with every number of a repeated integer field, packed or not.
pub fn each_number<'a>(
    field: u32,
    value: Value<'a>,
    mut each: impl FnMut(i64),
) -> Result<(), BadWire> {
    match value {
        Value::Number(number) => each(number.cast_signed()),
        Value::Bytes(mut packed) => {
            while !packed.is_empty() {
                each(take_varint(&mut packed)?.cast_signed());
            }
        }
        Value::Fixed => return Err(BadWire::Type(field)),
    }
    Ok(())
}

/// Reads the top-level fields of a file that is too large to hold in memory.
pub struct FieldReader<R> {
    input: R,
    buffer: Vec<u8>,
    position: u64,
}

impl<R: BufRead> FieldReader<R> {
    /// Reads from the start of a message.
    pub fn new(input: R) -> Self {
        Self { input, buffer: Vec::new(), position: 0 }
    }

    /// The number of bytes read so far, which is the place of damage in error messages.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The next field, or `None` at the end of the file.
    pub fn next_field(&mut self) -> Result<Option<(u32, Value<'_>)>, BadWire> {
        if self.input.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let tag = self.read_varint()?;
        let (field, kind) = split_tag(tag)?;
        let value = match kind {
            Kind::Varint => Value::Number(self.read_varint()?),
            Kind::Fixed(length) => {
                self.read_bytes(length as u64)?;
                Value::Fixed
            }
            Kind::Bytes => {
                let length = self.read_varint()?;
                if length > MAX_FIELD {
                    return Err(BadWire::TooLong(length));
                }
                self.read_bytes(length)?;
                Value::Bytes(&self.buffer)
            }
        };
        Ok(Some((field, value)))
    }

    fn read_bytes(&mut self, length: u64) -> Result<(), BadWire> {
        use std::io::Read;
        self.buffer.clear();
        // `take` is used instead of a buffer of `length` bytes, so that a damaged length does not
        // allocate memory for missing bytes.
        let read = self.input.by_ref().take(length).read_to_end(&mut self.buffer)? as u64;
        self.position += read;
        if read == length { Ok(()) } else { Err(BadWire::Truncated) }
    }

    fn read_varint(&mut self) -> Result<u64, BadWire> {
        let mut bytes = [0; 10];
        for (index, slot) in bytes.iter_mut().enumerate() {
            let byte = *self.input.fill_buf()?.first().ok_or(BadWire::Truncated)?;
            self.input.consume(1);
            self.position += 1;
            *slot = byte;
            if byte < 0x80 {
                return take_varint(&mut bytes.get(..=index).unwrap_or(&[]));
            }
        }
        Err(BadWire::Varint)
    }
}

enum Kind {
    Varint,
    Fixed(usize),
    Bytes,
}

fn split_tag(tag: u64) -> Result<(u32, Kind), BadWire> {
    let kind = match tag & 7 {
        0 => Kind::Varint,
        1 => Kind::Fixed(8),
        2 => Kind::Bytes,
        5 => Kind::Fixed(4),
        _ => return Err(BadWire::Tag(tag)),
    };
    match u32::try_from(tag >> 3) {
        Ok(field) if field > 0 => Ok((field, kind)),
        _ => Err(BadWire::Tag(tag)),
    }
}

fn take_varint(bytes: &mut &[u8]) -> Result<u64, BadWire> {
    // Nearly all numbers have one byte: tags, lengths, small values.
    if let [byte @ 0..0x80, rest @ ..] = *bytes {
        *bytes = rest;
        return Ok(u64::from(*byte));
    }
    let mut value = 0;
    for (index, &byte) in bytes.iter().enumerate() {
        if index == 9 && byte > 1 {
            return Err(BadWire::Varint);
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            *bytes = bytes.get(index + 1..).unwrap_or(&[]);
            return Ok(value);
        }
    }
    Err(BadWire::Truncated)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_fields(message: &[u8]) -> Result<usize, BadWire> {
        let mut fields = Fields::new(message);
        let mut count = 0;
        while fields.next_field()?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    #[test]
    fn fields_of_every_wire_type_are_walked() {
        let message = b"\x08\x96\x01\x12\x02hi\x1d\0\0\0\0\x21\0\0\0\0\0\0\0\0";
        assert!(matches!(all_fields(message), Ok(4)));
        for length in 1..message.len() {
            let cut = message.get(..length).unwrap_or(&[]);
            let whole = [3, 7, 12].contains(&length);
            assert_eq!(all_fields(cut).is_ok(), whole, "cut at {length}");
        }
    }

    #[test]
    fn impossible_tags_and_numbers_are_errors() {
        assert!(matches!(all_fields(b"\x00\x01"), Err(BadWire::Tag(0))));
        assert!(matches!(all_fields(b"\x0b"), Err(BadWire::Tag(11))));
        assert!(matches!(
            all_fields(b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
            Err(BadWire::Varint)
        ));
        assert!(matches!(all_fields(b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), Ok(1)));
        let mut reader = FieldReader::new(&b"\x12\xff\xff\xff\xff\x0f"[..]);
        assert!(matches!(reader.next_field(), Err(BadWire::TooLong(_))));
        let mut reader = FieldReader::new(&b"\x12\xff\xff\x01short"[..]);
        assert!(matches!(reader.next_field(), Err(BadWire::Truncated)));
    }

    #[test]
    fn negative_numbers_and_packed_lists_are_read() {
        let mut seen = Vec::new();
        let minus_one = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
        each_number(1, Value::Bytes(minus_one), |n| seen.push(n)).expect("a whole number");
        each_number(1, Value::Bytes(b"\x01\x02\x03"), |n| seen.push(n)).expect("whole numbers");
        each_number(1, Value::Number(7), |n| seen.push(n)).expect("a number");
        assert_eq!(seen, [-1, 1, 2, 3, 7]);
    }
}
