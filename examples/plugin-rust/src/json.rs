//! JSON whose numbers stay text, so that no amount ever becomes a float.

use std::borrow::Cow;
use std::str;

use crate::decimal::Decimal;

/// Bounds the nesting of lists and objects.
const MAX_DEPTH: usize = 64;

pub enum Value<'a> {
    Null,
    Boolean(bool),
    /// The digits as they were sent.
    Number(&'a str),
    Text(Cow<'a, str>),
    List(Vec<Value<'a>>),
    /// Members in their order. Of those of one name the first counts.
    Object(Vec<(Cow<'a, str>, Value<'a>)>),
}

impl<'a> Value<'a> {
    /// Reads one JSON text, strictly as RFC 8259 has it. One byte order mark before it is skipped.
    pub fn parse(text: &'a [u8]) -> Option<Value<'a>> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let mut reader = Reader { text, at: 0 };
        let value = reader.value(0)?;
        reader.blanks();
        if reader.at < text.len() {
            return None;
        }
        Some(value)
    }

    fn get(&self, name: &str) -> Option<&Value<'a>> {
        match self {
            Value::Object(members) => members.iter().find(|(other, _)| other == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// A member's text: a string's content, a number's digits, true or false; and nothing for all else.
    pub fn text(&self, name: &str) -> &str {
        match self.get(name) {
            Some(Value::Text(text)) => text,
            Some(Value::Number(digits)) => digits,
            Some(Value::Boolean(true)) => "true",
            Some(Value::Boolean(false)) => "false",
            _ => "",
        }
    }

    /// A number, or a text that holds one.
    pub fn decimal(&self, name: &str) -> Option<Decimal> {
        Decimal::parse(self.text(name))
    }

    pub fn json(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    fn write(&self, to: &mut String) {
        match self {
            Value::Null => to.push_str("null"),
            Value::Boolean(is) => to.push_str(if *is { "true" } else { "false" }),
            Value::Number(digits) => to.push_str(digits),
            Value::Text(text) => quote(to, text),
            Value::List(items) => {
                to.push('[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        to.push(',');
                    }
                    item.write(to);
                }
                to.push(']');
            }
            Value::Object(members) => {
                to.push('{');
                for (i, (name, value)) in members.iter().enumerate() {
                    if i > 0 {
                        to.push(',');
                    }
                    quote(to, name);
                    to.push(':');
                    value.write(to);
                }
                to.push('}');
            }
        }
    }
}

/// Writes a string, and escapes what has to be.
pub fn quote(to: &mut String, text: &str) {
    to.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => to.extend(['\\', c]),
            '\n' => to.push_str("\\n"),
            '\t' => to.push_str("\\t"),
            '\r' => to.push_str("\\r"),
            c if c < ' ' => to.push_str(&format!("\\u{:04x}", c as u32)),
            c => to.push(c),
        }
    }
    to.push('"');
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\t' | b'\r')) {
            self.at += 1;
        }
    }

    /// Passes over a byte that has to stand here, and blanks before it.
    fn expect(&mut self, byte: u8) -> Option<()> {
        self.blanks();
        if self.peek()? != byte {
            return None;
        }
        self.at += 1;
        Some(())
    }

    fn value(&mut self, depth: usize) -> Option<Value<'a>> {
        self.blanks();
        match self.peek()? {
            b'{' | b'[' if depth == MAX_DEPTH => None,
            b'{' => self.object(depth + 1),
            b'[' => self.list(depth + 1),
            b'"' => self.string().map(Value::Text),
            b't' => self.word("true", Value::Boolean(true)),
            b'f' => self.word("false", Value::Boolean(false)),
            b'n' => self.word("null", Value::Null),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Option<Value<'a>> {
        if !self.text[self.at..].starts_with(word.as_bytes()) {
            return None;
        }
        self.at += word.len();
        Some(value)
    }

    fn object(&mut self, depth: usize) -> Option<Value<'a>> {
        let mut members = Vec::new();
        let mut more = self.opened(b'}')?;
        while more {
            self.blanks();
            let name = self.string()?;
            self.expect(b':')?;
            members.push((name, self.value(depth)?));
            more = self.another(b'}')?;
        }
        Some(Value::Object(members))
    }

    fn list(&mut self, depth: usize) -> Option<Value<'a>> {
        let mut items = Vec::new();
        let mut more = self.opened(b']')?;
        while more {
            items.push(self.value(depth)?);
            more = self.another(b']')?;
        }
        Some(Value::List(items))
    }

    /// Passes over the beginning of a list or object, and the end of an empty one; returns whether anything is in it.
    fn opened(&mut self, end: u8) -> Option<bool> {
        self.at += 1;
        self.blanks();
        let is_empty = self.peek()? == end;
        self.at += usize::from(is_empty);
        Some(!is_empty)
    }

    /// Passes over what follows an item, and returns whether another does.
    fn another(&mut self, end: u8) -> Option<bool> {
        self.blanks();
        let byte = self.peek()?;
        if byte != b',' && byte != end {
            return None;
        }
        self.at += 1;
        Some(byte == b',')
    }

    fn number(&mut self) -> Option<Value<'a>> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let begins_with_zero = self.peek() == Some(b'0');
        let whole = self.figures();
        if whole == 0 || (begins_with_zero && whole > 1) {
            return None;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if self.figures() == 0 {
                return None;
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.figures() == 0 {
                return None;
            }
        }
        str::from_utf8(&self.text[start..self.at]).ok().map(Value::Number)
    }

    /// Passes over digits, and counts them.
    fn figures(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    fn string(&mut self) -> Option<Cow<'a, str>> {
        self.expect(b'"')?;
        let start = self.at;
        while !matches!(self.peek()?, b'"' | b'\\' | 0..=0x1f) {
            self.at += 1;
        }
        if self.peek()? == b'"' {
            self.at += 1;
            return Some(lossy(&self.text[start..self.at - 1]));
        }
        let mut content = self.text[start..self.at].to_vec();
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.escape(&mut content)?,
                0..=0x1f => return None,
                byte => {
                    content.push(byte);
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        Some(Cow::Owned(lossy(&content).into_owned()))
    }

    fn escape(&mut self, content: &mut Vec<u8>) -> Option<()> {
        let escaped = *self.text.get(self.at + 1)?;
        self.at += 2;
        content.push(match escaped {
            b'"' | b'\\' | b'/' => escaped,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let c = self.unit()?;
                content.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                return Some(());
            }
            _ => return None,
        });
        Some(())
    }

    /// Reads what follows \u, and the second half of a pair. Half a pair becomes U+FFFD.
    fn unit(&mut self) -> Option<char> {
        let first = self.hex(self.at)?;
        self.at += 4;
        if !(0xd800..0xdc00).contains(&first) || !self.text[self.at..].starts_with(b"\\u") {
            return Some(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let second = self.hex(self.at + 2)?;
        if !(0xdc00..0xe000).contains(&second) {
            return Some(char::REPLACEMENT_CHARACTER);
        }
        self.at += 6;
        char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))
    }

    fn hex(&self, at: usize) -> Option<u32> {
        let digits = self.text.get(at..at + 4)?;
        digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
    }
}

/// The bytes as text; a run of bytes that are not UTF-8 becomes one U+FFFD.
fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    let mut rest = bytes;
    let mut text = String::new();
    let mut broken = false;
    loop {
        let fault = match str::from_utf8(rest) {
            Ok(good) if text.is_empty() && !broken => return Cow::Borrowed(good),
            Ok(good) => {
                text.push_str(good);
                return Cow::Owned(text);
            }
            Err(fault) => fault,
        };
        let (good, bad) = rest.split_at(fault.valid_up_to());
        if !good.is_empty() {
            text.push_str(str::from_utf8(good).unwrap_or_default());
            broken = false;
        }
        if !broken {
            text.push(char::REPLACEMENT_CHARACTER);
            broken = true;
        }
        rest = &bad[fault.error_len().unwrap_or(bad.len())..];
    }
}
