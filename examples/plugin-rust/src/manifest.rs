//! What the plugin can do: everything that the host knows of it without asking again.

use crate::abi::{documented, idempotency, kind, meaning, role};
use crate::wire::Message;

pub const CREATE: &str = "CreatePayment";
pub const GET: &str = "GetPayment";
pub const QUOTE: &str = "QuotePayment";

const SETTINGS: &str =
    r#"{"type": "object", "properties": {"keyed": {"type": "boolean"}}, "additionalProperties": false}"#;
const OBJECT: &str = r#"{"type": "object"}"#;
const GET_INPUT: &str =
    concat!(r#"{"type": "object", "properties": {"id": {"type": "string", "minLength": 1}}, "#,
        r#""required": ["id"], "additionalProperties": false}"#);
const PAYMENT: &str =
    concat!(r#"{"type": "object", "properties": {"id": {"type": "string"}, "amount": {"type": "number"}}, "#,
        r#""required": ["id", "amount"]}"#);

pub fn manifest() -> Message {
    Message::new()
        .text(1, "example")
        .text(2, "0.1.0")
        .text(3, "Example Pay")
        .text(4, "https://api.example.com")
        .messages(
            6,
            vec![
                secret("key", "The API key."),
                secret("signing_key", "What requests and callbacks are signed with."),
            ],
        )
        .text(7, SETTINGS)
        .message(8, flow())
        .messages(
            9,
            vec![
                operation(CREATE, "Ask a payer for money.", idempotency::NONE, OBJECT, PAYMENT)
                    .message(9, Message::new().text(1, "0123456789abcdef").number(2, 24))
                    .text(12, "keyed"),
                operation(GET, "Read a payment.", idempotency::SAFE, GET_INPUT, PAYMENT),
                operation(QUOTE, "Say what a payment would cost.", idempotency::SAFE, OBJECT, OBJECT),
            ],
        )
        .messages(
            10,
            vec![
                failure(QUOTE, 200, "fee", meaning::DECLINED_SOFT, "limit_exceeded"),
                failure("", 0, "failed", meaning::DECLINED_HARD, "declined"),
                failure("", 429, "", meaning::REFUSED, "rate_limited"),
            ],
        )
        .message(11, Message::new().flag(1, true).text(3, "Set the URL in the provider's panel."))
        .number(12, 2)
        .messages(14, vec![proof("/error/code"), proof("/error/message")])
}

fn proof(pointer: &str) -> Message {
    Message::new().text(1, pointer)
}

fn secret(name: &str, summary: &str) -> Message {
    Message::new().text(1, name).text(2, summary)
}

fn flow() -> Message {
    Message::new()
        .number(1, kind::COLLECT)
        .text(2, "EUR")
        .message(5, Message::new().text(1, "EUR").text(2, "0.01").text(3, "1000"))
        .messages(6, vec![action(role::CREATE, CREATE), action(role::LOOKUP, GET), action(role::QUOTE, QUOTE)])
}

fn action(role: u64, operation: &str) -> Message {
    Message::new().number(1, role).text(2, operation)
}

fn operation(name: &str, summary: &str, idempotency: u64, input: &str, output: &str) -> Message {
    Message::new()
        .text(1, name)
        .text(2, summary)
        .number(3, idempotency)
        .text(4, input)
        .text(5, output)
        .number(6, documented::FULL)
        .flag(7, true)
}

fn failure(operation: &str, http_status: u64, provider_code: &str, meaning: u64, code: &str) -> Message {
    Message::new()
        .text(1, operation)
        .number(2, http_status)
        .text(3, provider_code)
        .number(4, meaning)
        .text(5, code)
        .text(6, "made up")
}
