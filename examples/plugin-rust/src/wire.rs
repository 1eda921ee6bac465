//! Protobuf's wire format, as far as the contract needs it: a message is a list of fields: numbers, types, values.

use std::str;

/// Why bytes are no message.
pub struct Malformed(pub &'static str);

/// The value of a field. What has a fixed width stands nowhere in the contract, and is passed over.
pub enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Fixed,
}

impl<'a> Value<'a> {
    pub fn number(self) -> Result<u64, Malformed> {
        match self {
            Value::Number(number) => Ok(number),
            _ => Err(Malformed("a field is no number")),
        }
    }

    pub fn bytes(self) -> Result<&'a [u8], Malformed> {
        match self {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(Malformed("a field has no length")),
        }
    }

    pub fn text(self) -> Result<&'a str, Malformed> {
        str::from_utf8(self.bytes()?).map_err(|_| Malformed("a text is not UTF-8"))
    }
}

/// Reads a message field by field. A reader skips the numbers that it does not know: later versions add some.
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub fn of(message: &'a [u8]) -> Self {
        Fields { rest: message }
    }

    /// The next field, or None behind the last.
    pub fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let field = tag >> 3;
        if field == 0 || field > (1 << 29) - 1 {
            return Err(Malformed("a field has no number"));
        }
        let value = match tag & 7 {
            0 => Value::Number(self.varint()?),
            1 => self.take(8).map(|_| Value::Fixed)?,
            2 => {
                let length = self.varint()?;
                Value::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Value::Fixed)?,
            _ => return Err(Malformed("a field has no type")),
        };
        Ok(Some((field, value)))
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Malformed("a number is longer than 64 bits"))
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Malformed> {
        if length > self.rest.len() as u64 {
            return Err(Malformed("it ends too soon"));
        }
        let (taken, rest) = self.rest.split_at(length as usize);
        self.rest = rest;
        Ok(taken)
    }
}

/// Writes a message. Fields are written in the order of their numbers and empty ones are left out, so that equal
/// messages have equal encodings.
#[derive(Default)]
pub struct Message(Vec<u8>);

impl Message {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn number(mut self, field: u64, number: u64) -> Self {
        if number != 0 {
            self.varint(field << 3);
            self.varint(number);
        }
        self
    }

    pub fn flag(self, field: u64, flag: bool) -> Self {
        self.number(field, u64::from(flag))
    }

    pub fn bytes(self, field: u64, bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return self;
        }
        self.one_of(field, bytes)
    }

    pub fn text(self, field: u64, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    /// Adds a member of a oneof, which stands even where it is empty.
    pub fn one_of(mut self, field: u64, bytes: &[u8]) -> Self {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    /// Adds a message; an empty one stands too.
    pub fn message(self, field: u64, message: Message) -> Self {
        self.one_of(field, &message.0)
    }

    /// Adds a message where there is one.
    pub fn maybe(self, field: u64, message: Option<Message>) -> Self {
        match message {
            Some(message) => self.message(field, message),
            None => self,
        }
    }

    /// Adds a list of messages.
    pub fn messages(self, field: u64, list: Vec<Message>) -> Self {
        list.into_iter().fold(self, |message, one| message.message(field, one))
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }
}
