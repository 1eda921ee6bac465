//! A plugin of the payment router in Rust: the module's exports, and the memory that the host writes and reads.
//!
//! It integrates the provider of examples/plugin-go, and its answers are equal to those of that plugin, byte by byte:
//! the contract belongs to no language.

mod abi;
mod decimal;
mod json;
mod manifest;
mod plugin;
mod wire;

use std::ptr::addr_of_mut;
use std::slice;

use abi::{manifest_answer, receipt_answer, step_answer, Call, Callback, Fault, Interpretation};
use wire::Message;

// One buffer each way: the host writes the first before a call and reads the second after it. An instance has one
// caller at a time.
static mut INPUT: Vec<u8> = Vec::new();
static mut OUTPUT: Vec<u8> = Vec::new();

/// The largest input buffer that is kept for the next call, in bytes.
const KEEP: usize = 256 << 10;

/// Nothing has to be brought up.
#[no_mangle]
pub extern "C" fn _initialize() {}

/// A marker: the host reads the contract's major version from its name.
#[no_mangle]
pub extern "C" fn payrouter_abi_v1() {}

#[no_mangle]
pub extern "C" fn abi_version() -> i32 {
    1
}

#[no_mangle]
pub extern "C" fn alloc(size: i32) -> *mut u8 {
    let input = unsafe { &mut *addr_of_mut!(INPUT) };
    if input.capacity() > KEEP {
        *input = Vec::new();
    }
    input.resize(size.max(1) as usize, 0);
    input.as_mut_ptr()
}

#[no_mangle]
pub extern "C" fn describe(_: *const u8, _: i32) -> i64 {
    give(manifest_answer(manifest::manifest()))
}

#[no_mangle]
pub extern "C" fn prepare(pointer: *const u8, length: i32) -> i64 {
    run(pointer, length, |input| {
        let call = Call::decode(input).map_err(|why| Fault::bad_input("Call", why))?;
        plugin::prepare(&call).map(step_answer)
    })
}

#[no_mangle]
pub extern "C" fn interpret(pointer: *const u8, length: i32) -> i64 {
    run(pointer, length, |input| {
        let interpretation = Interpretation::decode(input).map_err(|why| Fault::bad_input("Interpretation", why))?;
        plugin::interpret(&interpretation).map(step_answer)
    })
}

#[no_mangle]
pub extern "C" fn receive(pointer: *const u8, length: i32) -> i64 {
    run(pointer, length, |input| {
        let callback = Callback::decode(input).map_err(|why| Fault::bad_input("Callback", why))?;
        plugin::receive(&callback).map(receipt_answer)
    })
}

fn run(pointer: *const u8, length: i32, call: fn(&[u8]) -> Result<Message, Fault>) -> i64 {
    let input = match length {
        0 => &[][..],
        _ => unsafe { slice::from_raw_parts(pointer, length as usize) },
    };
    give(call(input).unwrap_or_else(Fault::answer))
}

/// Leaves an answer where the host finds it until the next call.
fn give(answer: Message) -> i64 {
    let output = unsafe { &mut *addr_of_mut!(OUTPUT) };
    *output = answer.into_bytes();
    ((output.as_ptr() as usize as i64) << 32) | output.len() as i64
}
