//! The provider's integration: pure functions of their arguments. The provider does not exist; it is that of the
//! example in Go.

use std::cmp::Ordering;

use crate::abi::{
    done, failure, field, literal, money, reject, rejected, secret, status, text, trust, unreadable, verdict, Call,
    Callback, Fault, Interpretation, Request,
};
use crate::decimal::Decimal;
use crate::json::{quote, Value};
use crate::manifest::{CREATE, GET, QUOTE};
use crate::wire::Message;

/// The state of a create: the quote was asked for, or the payment was.
const QUOTING: &[u8] = b"quote";
const CREATING: &[u8] = b"create";

pub fn prepare(call: &Call) -> Result<Message, Fault> {
    match call.operation {
        CREATE | QUOTE => Ok(ask_quote(call)),
        GET => Ok(prepare_get(call)),
        unknown => Err(Fault::unknown_operation(unknown)),
    }
}

/// Asks for the fee: for its own sake, or on the way to the payment.
fn ask_quote(call: &Call) -> Message {
    let payment = match &call.payment {
        Some(payment) => payment,
        None => return reject("unsupported", "", "a payment is needed"),
    };
    let mut request = Request {
        method: "GET",
        path: vec![literal("/quotes/"), text(payment.currency)],
        headers: vec![field("X-Key", vec![secret("key")])],
        ..Request::default()
    };
    if !payment.amount.is_empty() {
        request.query.push(field("amount", vec![text(payment.amount)]));
    }
    request.send(QUOTING, if call.operation == QUOTE { "" } else { QUOTE })
}

fn prepare_get(call: &Call) -> Message {
    let input = Value::parse(call.input).unwrap_or(Value::Null);
    let reference = if call.provider_reference.is_empty() { input.text("id") } else { call.provider_reference };
    if reference.is_empty() {
        return reject("invalid_request", "/id", "id is missing");
    }
    let request = Request {
        method: "GET",
        path: vec![literal("/payments/"), text(reference)],
        headers: vec![field("Authorization", vec![literal("Bearer "), secret("key")])],
        ..Request::default()
    };
    request.send(&[], "")
}

pub fn interpret(given: &Interpretation) -> Result<Message, Fault> {
    if given.http_status == 429 {
        return Ok(rejected("429", "too many requests"));
    }
    let body = match Value::parse(given.body) {
        Some(body) if given.http_status == 200 => body,
        _ => return Ok(unreadable("not JSON with status 200")),
    };
    if given.state == QUOTING {
        return Ok(interpret_quote(&given.call, &body));
    }
    match payment_outcome(&body, given.call.payment.is_none()) {
        Some(outcome) => Ok(done(outcome)),
        None => Ok(unreadable("id, status, amount or currency is missing")),
    }
}

fn interpret_quote(call: &Call, body: &Value) -> Message {
    let (asked, currency) = call.payment.as_ref().map_or(("", ""), |payment| (payment.amount, payment.currency));
    let (fee, amount) = match (body.decimal("fee"), Decimal::parse(asked)) {
        (Some(fee), Some(amount)) => (fee, amount),
        _ => return unreadable("no fee"),
    };
    if fee.cmp(&amount) != Ordering::Less {
        return rejected("fee", "the fee is as large as the payment");
    }
    if fee.is_negative() {
        return unreadable("a fee below zero");
    }
    if call.operation == QUOTE {
        let quote = Message::new()
            .message(1, money(&amount.plain(), currency))
            .message(2, money(&amount.minus(&fee).plain(), currency))
            .message(4, money(&fee.plain(), currency));
        return done(Message::new().number(1, verdict::ACCEPTED).message(14, quote));
    }
    send_payment(call.reference, &amount, currency)
}

fn send_payment(reference: &str, amount: &Decimal, currency: &str) -> Message {
    let mut body = String::from("{\"reference\":");
    quote(&mut body, reference);
    body.push_str(",\"amount\":");
    body.push_str(&amount.plain());
    body.push_str(",\"currency\":");
    quote(&mut body, currency);
    body.push('}');
    let request = Request {
        method: "POST",
        path: vec![literal("/payments")],
        headers: vec![field("Content-Type", vec![literal("application/json")])],
        body,
        basic_auth: Some(Message::new().message(1, literal("shop")).text(2, "key")),
        signature: Some(signature("X-Signature")),
        ..Request::default()
    };
    request.send(CREATING, "")
}

/// HMAC-SHA256 over method, a dot and body, in hexadecimal: the host computes it.
fn signature(header: &str) -> Message {
    let method = Message::new().flag(3, true);
    let body = Message::new().flag(5, true);
    Message::new()
        .number(1, 1)
        .text(2, "signing_key")
        .messages(3, vec![method, literal("."), body])
        .number(4, 1)
        .text(5, header)
        .text(6, "sha256=")
}

/// The outcome of a payment's state, or None if the state is not known. A native call has the provider's JSON as well.
fn payment_outcome(body: &Value, native: bool) -> Option<Message> {
    let status = match body.text("status") {
        "open" => status::REQUIRES_ACTION,
        "paid" => status::SUCCEEDED,
        "failed" => status::FAILED,
        _ => return None,
    };
    let amount = body.decimal("amount")?.plain();
    let id = body.text("id");
    if id.is_empty() || body.text("currency") != "EUR" {
        return None;
    }
    let next_action = (status == status::REQUIRES_ACTION).then(|| {
        let pay_to = Message::new().text(1, &format!("addr-{}", id)).text(2, "EXA").message(3, money(&amount, "EUR"));
        Message::new().message(2, pay_to)
    });
    let failure = (status == status::FAILED).then(|| failure("failed", body.text("reason")));
    let output = if native { body.json() } else { String::new() };
    Some(
        Message::new()
            .number(1, verdict::ACCEPTED)
            .number(2, status)
            .text(3, id)
            .message(4, money(&amount, "EUR"))
            .maybe(7, next_action)
            .maybe(8, failure)
            .text(9, &output)
            .text(12, body.text("reference")),
    )
}

pub fn receive(callback: &Callback) -> Result<Message, Fault> {
    let reply = Message::new().number(1, 204);
    let body = Value::parse(callback.body).unwrap_or(Value::Null);
    let id = body.text("id");
    if id.is_empty() {
        return Ok(Message::new().number(1, trust::IGNORE).message(8, reply));
    }
    let signed = callback.headers.iter().rev().find(|(name, _)| *name == "X-Signature");
    Ok(Message::new()
        .number(1, trust::SIGNED)
        .text(3, id)
        .message(4, signature(""))
        .text(5, signed.map_or("", |(_, value)| value))
        .maybe(6, payment_outcome(&body, false))
        .text(7, &format!("{}/{}", id, body.text("status")))
        .message(8, reply))
}
