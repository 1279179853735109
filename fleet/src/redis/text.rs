//! Keys and records as text.
//!
//! A record begins with the number of its format. A later version may append fields, which
//! this one ignores; it leaves out a record of another format.

use std::time::Duration;

use crate::record::{Action, LONGEST, Order, Slot, StoredOrder};

/// A text from outside, without anything that means something in a key, in a pattern or in
/// a record: other characters as `%` and two digits for each byte.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_./".contains(&byte) {
            escaped.push(byte.into());
        } else {
            escaped.push_str(&format!("%{byte:02x}"));
        }
    }
    escaped
}

/// The text of which [`escaped`] made `text`.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first == b'%' {
            let (digits, tail) = rest.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?);
            rest = tail;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}

/// The part of a slot's record that the instance says. The script puts the format, the
/// sequence number, its own time and the lifetime before it.
pub(super) fn slot_record(slot: &Slot) -> String {
    let counts = slot.counts().map(u64::from);
    let numbers = [slot.epoch].into_iter().chain(counts);
    numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(" ")
}

/// The part of an order's record that does not come from the script.
pub(super) fn order_record(order: &Order) -> String {
    let Order { action, by, reason, .. } = order;
    format!("{} {} {}", action.name(), escaped(by), escaped(reason))
}

/// An order at `now`, unless it is over, or not of this format.
pub(super) fn read_order(pattern: &str, record: &str, now: u64) -> Option<StoredOrder> {
    let mut fields = record.split(' ');
    let mut next = || fields.next();
    if next()? != "1" {
        return None;
    }
    let (version, at) = (next()?.parse().ok()?, next()?.parse::<u64>().ok()?);
    let age = now.saturating_sub(at);
    let lasts = match next()? {
        "-" => None,
        lasts => Some(lasts.parse::<u64>().ok()?.checked_sub(age).filter(|&left| left > 0)?),
    };
    let (action, by, reason) = (Action::named(next()?)?, unescaped(next()?)?, unescaped(next()?)?);
    let lasts = lasts.map(Duration::from_millis);
    let order = Order { pattern: pattern.to_owned(), action, by, reason, lasts };
    let bounded = pattern.len().max(order.by.len()).max(order.reason.len()) <= LONGEST;
    bounded.then_some(StoredOrder { order, version, age: Duration::from_millis(age) })
}

#[cfg(test)]
mod tests {
    use microbreaker_std::settings::Mode;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_escaped_text_is_harmless_and_can_be_read_again(text in ".*") {
            let escaped = escaped(&text);
            let harmful = escaped.contains(['{', '}', '*', '?', '[', ' ', ':', '\n']);
            prop_assert!(!harmful);
            prop_assert_eq!(unescaped(&escaped), Some(text));
        }

        #[test]
        fn whatever_is_under_the_key_of_the_orders_is_no_panic(text in ".*", now: u64) {
            let _ = read_order(&text, &text, now);
            let _ = read_order("users", &format!("1 7 {text} - reset a b"), now);
        }
    }

    #[test]
    fn an_order_is_read_by_the_version_before_and_after() {
        let order = Order {
            pattern: "users/*".into(),
            action: Action::Mode(Mode::ForcedOpen),
            by: "Zoë, on call".into(),
            reason: String::new(),
            lasts: Some(Duration::from_secs(60)),
        };
        let record = |format, more| format!("{format} 9 1000 60000 {}{more}", order_record(&order));
        let read = read_order("users/*", &record(1, ""), 21_000).unwrap();
        let left = Order { lasts: Some(Duration::from_secs(40)), ..order.clone() };
        assert_eq!((read.order, read.version, read.age), (left, 9, Duration::from_secs(20)));
        assert!(read_order("users/*", &record(1, " a field of a later version"), 21_000).is_some());
        assert_eq!(read_order("users/*", &record(2, ""), 21_000), None);
        assert_eq!(read_order("users/*", &record(1, ""), 61_000), None, "it is over");
        let unknown = "1 9 1000 - dance a b";
        assert_eq!(read_order("users/*", unknown, 1_000), None);
    }
}
