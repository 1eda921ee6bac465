//! Amounts as decimal text, compared and subtracted exactly. No amount is ever a float.

use std::cmp::Ordering;

/// Bounds the digits of an amount, on both sides of the point together.
const MAX_DIGITS: usize = 39;

/// An amount: its digits on both sides of the point, without leading zeros but with trailing ones.
pub struct Decimal {
    negative: bool,
    whole: String,
    fraction: String,
}

impl Decimal {
    /// Parses a JSON number: an optional minus, digits, an optional fraction and an optional exponent.
    pub fn parse(text: &str) -> Option<Decimal> {
        if text.len() > 2 * MAX_DIGITS {
            return None;
        }
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (whole, rest) = digits(unsigned);
        let (fraction, rest) = match rest.strip_prefix('.') {
            Some(after) => digits(after),
            None => ("", rest),
        };
        let has_point = unsigned[whole.len()..].starts_with('.');
        if whole.is_empty() || (has_point && fraction.is_empty()) {
            return None;
        }
        let (whole, fraction) = shift(whole, fraction, exponent(rest)?);
        let whole = whole.trim_start_matches('0');
        if whole.len() + fraction.len() > MAX_DIGITS {
            return None;
        }
        Some(Decimal::new(unsigned.len() < text.len(), whole, &fraction))
    }

    fn new(negative: bool, whole: &str, fraction: &str) -> Decimal {
        let is_zero = whole.is_empty() && fraction.bytes().all(|digit| digit == b'0');
        Decimal { negative: negative && !is_zero, whole: whole.into(), fraction: fraction.into() }
    }

    /// Plain decimal text, without an exponent.
    pub fn plain(&self) -> String {
        let mut text = String::new();
        if self.negative {
            text.push('-');
        }
        text.push_str(if self.whole.is_empty() { "0" } else { &self.whole });
        if !self.fraction.is_empty() {
            text.push('.');
            text.push_str(&self.fraction);
        }
        text
    }

    pub fn is_negative(&self) -> bool {
        self.negative
    }

    /// Compares by value: "1.0" equals "1".
    pub fn cmp(&self, other: &Decimal) -> Ordering {
        match (self.negative, other.negative) {
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self.compare_sizes(other),
            (true, true) => other.compare_sizes(self),
        }
    }

    /// The exact difference.
    pub fn minus(&self, other: &Decimal) -> Decimal {
        let places = self.fraction.len().max(other.fraction.len());
        let (a, b) = self.align(other);
        if self.negative != other.negative {
            return join(self.negative, &sum(&a, &b), places);
        }
        match a.cmp(&b) {
            Ordering::Less => join(!self.negative, &difference(&b, &a), places),
            _ => join(self.negative, &difference(&a, &b), places),
        }
    }

    fn compare_sizes(&self, other: &Decimal) -> Ordering {
        let (a, b) = self.align(other);
        a.cmp(&b)
    }

    /// The digits of both, with the point and the first digit in the same places.
    fn align(&self, other: &Decimal) -> (Vec<u8>, Vec<u8>) {
        let places = self.fraction.len().max(other.fraction.len());
        let width = self.whole.len().max(other.whole.len());
        let spread = |d: &Decimal| {
            let mut spread = vec![0; width - d.whole.len()];
            spread.extend(d.whole.bytes().chain(d.fraction.bytes()).map(|digit| digit - b'0'));
            spread.resize(width + places, 0);
            spread
        };
        (spread(self), spread(other))
    }
}

/// Cuts leading digits off.
fn digits(text: &str) -> (&str, &str) {
    let end = text.bytes().position(|c| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// Reads nothing at all, or e, a sign and digits.
fn exponent(text: &str) -> Option<isize> {
    if text.is_empty() {
        return Some(0);
    }
    let signed = text.strip_prefix(|c: char| c == 'e' || c == 'E')?;
    let (negative, figures) = match signed.strip_prefix('-') {
        Some(figures) => (true, figures),
        None => (false, signed.strip_prefix('+').unwrap_or(signed)),
    };
    if figures.is_empty() || !digits(figures).1.is_empty() {
        return None;
    }
    let size: isize = figures.parse().ok()?;
    if size > MAX_DIGITS as isize {
        return None;
    }
    Some(if negative { -size } else { size })
}

/// Moves the point by so many places to the right.
fn shift(whole: &str, fraction: &str, places: isize) -> (String, String) {
    let all = format!("{}{}", whole, fraction);
    let point = whole.len() as isize + places;
    if point < 0 {
        return (String::new(), "0".repeat(-point as usize) + &all);
    }
    let point = point as usize;
    if point > all.len() {
        let missing = point - all.len();
        return (all + &"0".repeat(missing), String::new());
    }
    (all[..point].into(), all[point..].into())
}

fn join(negative: bool, digits: &[u8], places: usize) -> Decimal {
    let text: String = digits.iter().map(|digit| char::from(digit + b'0')).collect();
    let (whole, fraction) = text.split_at(text.len() - places);
    Decimal::new(negative, whole.trim_start_matches('0'), fraction)
}

fn sum(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut total = vec![0; a.len() + 1];
    let mut carry = 0;
    for at in (0..a.len()).rev() {
        let digit = a[at] + b[at] + carry;
        total[at + 1] = digit % 10;
        carry = digit / 10;
    }
    total[0] = carry;
    total
}

/// What is left of the larger.
fn difference(larger: &[u8], smaller: &[u8]) -> Vec<u8> {
    let mut left = vec![0; larger.len()];
    let mut borrowed = 0;
    for at in (0..larger.len()).rev() {
        let wanted = smaller[at] + borrowed;
        borrowed = u8::from(larger[at] < wanted);
        left[at] = larger[at] + 10 * borrowed - wanted;
    }
    left
}
