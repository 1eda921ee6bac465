//! The contract's messages, as far as this plugin reads and writes them. The numbers of fields and values are those of
//! abi.proto.

use crate::wire::{Fields, Malformed, Message};

pub mod kind {
    pub const COLLECT: u64 = 1;
}

pub mod idempotency {
    pub const SAFE: u64 = 1;
    pub const NONE: u64 = 4;
}

pub mod status {
    pub const REQUIRES_ACTION: u64 = 2;
    pub const SUCCEEDED: u64 = 3;
    pub const FAILED: u64 = 4;
}

pub mod verdict {
    pub const ACCEPTED: u64 = 1;
    pub const REJECTED: u64 = 2;
    pub const UNREADABLE: u64 = 3;
}

pub mod meaning {
    pub const REFUSED: u64 = 1;
    pub const DECLINED_SOFT: u64 = 2;
    pub const DECLINED_HARD: u64 = 3;
}

pub mod role {
    pub const CREATE: u64 = 1;
    pub const LOOKUP: u64 = 2;
    pub const QUOTE: u64 = 6;
}

pub mod documented {
    pub const FULL: u64 = 1;
}

pub mod trust {
    pub const IGNORE: u64 = 1;
    pub const SIGNED: u64 = 3;
}

/// A fault of the plugin or of the call, never of the provider.
pub struct Fault {
    code: u64,
    message: String,
}

impl Fault {
    pub fn bad_input(message: &str, why: Malformed) -> Fault {
        Fault { code: 2, message: format!("decode {}: {}", message, why.0) }
    }

    pub fn unknown_operation(name: &str) -> Fault {
        Fault { code: 3, message: format!("operation {:?} is not in the manifest", name) }
    }

    pub fn answer(self) -> Message {
        Message::new().message(4, Message::new().number(1, self.code).text(2, &self.message))
    }
}

/// What prepare is asked to do.
#[derive(Default)]
pub struct Call<'a> {
    pub operation: &'a str,
    pub payment: Option<Payment<'a>>,
    pub input: &'a [u8],
    pub reference: &'a str,
    pub provider_reference: &'a str,
}

#[derive(Default)]
pub struct Payment<'a> {
    pub amount: &'a str,
    pub currency: &'a str,
}

/// A call, the state of the step that was sent for it, and the response.
#[derive(Default)]
pub struct Interpretation<'a> {
    pub call: Call<'a>,
    pub state: &'a [u8],
    pub http_status: u64,
    pub body: &'a [u8],
}

#[derive(Default)]
pub struct Callback<'a> {
    pub headers: Vec<(&'a str, &'a str)>,
    pub body: &'a [u8],
}

impl<'a> Call<'a> {
    pub fn decode(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut call = Call::default();
        let mut fields = Fields::of(message);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => call.operation = value.text()?,
                2 => call.payment = Some(Payment::decode(value.bytes()?)?),
                3 => call.input = value.bytes()?,
                5 => call.reference = value.text()?,
                6 => call.provider_reference = value.text()?,
                _ => {}
            }
        }
        Ok(call)
    }
}

impl<'a> Payment<'a> {
    fn decode(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut payment = Payment::default();
        let mut fields = Fields::of(message);
        while let Some((number, value)) = fields.next()? {
            match number {
                3 => payment.amount = value.text()?,
                4 => payment.currency = value.text()?,
                _ => {}
            }
        }
        Ok(payment)
    }
}

impl<'a> Interpretation<'a> {
    pub fn decode(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut interpretation = Interpretation::default();
        let mut fields = Fields::of(message);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => interpretation.call = Call::decode(value.bytes()?)?,
                2 => interpretation.state = value.bytes()?,
                3 => interpretation.read_response(value.bytes()?)?,
                _ => {}
            }
        }
        if interpretation.call.operation.is_empty() || interpretation.http_status == 0 {
            return Err(Malformed("it needs a call and a response"));
        }
        Ok(interpretation)
    }

    fn read_response(&mut self, message: &'a [u8]) -> Result<(), Malformed> {
        let mut fields = Fields::of(message);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => self.http_status = value.number()?,
                3 => self.body = value.bytes()?,
                _ => {}
            }
        }
        Ok(())
    }
}

impl<'a> Callback<'a> {
    pub fn decode(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut callback = Callback::default();
        let mut fields = Fields::of(message);
        while let Some((number, value)) = fields.next()? {
            match number {
                4 => callback.headers.push(header(value.bytes()?)?),
                5 => callback.body = value.bytes()?,
                _ => {}
            }
        }
        Ok(callback)
    }
}

fn header(message: &[u8]) -> Result<(&str, &str), Malformed> {
    let mut header = ("", "");
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => header.0 = value.text()?,
            2 => header.1 = value.text()?,
            _ => {}
        }
    }
    Ok(header)
}

/// The plugin's own text, taken as it stands.
pub fn literal(text: &str) -> Message {
    Message::new().one_of(1, text.as_bytes())
}

/// Someone else's text: the host escapes it for its place.
pub fn text(text: &str) -> Message {
    Message::new().one_of(2, text.as_bytes())
}

/// The name of a secret; the host puts its value there.
pub fn secret(name: &str) -> Message {
    Message::new().one_of(3, name.as_bytes())
}

/// A query parameter or a header, whose value is the parts in a row.
pub fn field(name: &str, parts: Vec<Message>) -> Message {
    Message::new().text(1, name).messages(2, parts)
}

/// A request; what is empty is left out.
#[derive(Default)]
pub struct Request {
    pub method: &'static str,
    pub path: Vec<Message>,
    pub query: Vec<Message>,
    pub headers: Vec<Message>,
    pub body: String,
    pub basic_auth: Option<Message>,
    pub signature: Option<Message>,
}

impl Request {
    /// The step that sends the request; an empty operation is the call's own. interpret gets the state back.
    pub fn send(self, state: &[u8], operation: &str) -> Message {
        let request = Message::new()
            .text(1, self.method)
            .messages(3, self.path)
            .messages(4, self.query)
            .messages(5, self.headers)
            .text(6, &self.body)
            .maybe(7, self.basic_auth)
            .maybe(8, self.signature);
        Message::new().message(1, Message::new().message(1, request).bytes(2, state).text(3, operation))
    }
}

/// The step that ends a call.
pub fn done(outcome: Message) -> Message {
    Message::new().message(2, outcome)
}

/// The step for a call that no request can be made of: nothing was sent.
pub fn reject(code: &str, field: &str, message: &str) -> Message {
    Message::new().message(3, Message::new().text(1, code).text(2, message).text(3, field))
}

/// The step for a well-formed refusal. The manifest's failure rules give the code its meaning.
pub fn rejected(code: &str, message: &str) -> Message {
    done(Message::new().number(1, verdict::REJECTED).message(8, failure(code, message)))
}

/// The step for a response that cannot be understood.
pub fn unreadable(why: &str) -> Message {
    done(Message::new().number(1, verdict::UNREADABLE).message(8, failure("", why)))
}

pub fn failure(code: &str, message: &str) -> Message {
    Message::new().text(1, code).text(2, message)
}

pub fn money(amount: &str, currency: &str) -> Message {
    Message::new().text(1, amount).text(2, currency)
}

/// What every export returns, around a step or a receipt.
pub fn step_answer(step: Message) -> Message {
    Message::new().message(2, step)
}

pub fn receipt_answer(receipt: Message) -> Message {
    Message::new().message(3, receipt)
}

pub fn manifest_answer(manifest: Message) -> Message {
    Message::new().message(1, manifest)
}
