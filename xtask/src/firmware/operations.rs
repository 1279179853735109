//! Checks that no operation can panic, and finds those that mask interrupts, by reading
//! the linked program.

use std::path::Path;

use anyhow::{bail, ensure};

use super::call_graph::Functions;
use crate::cores::Core;

/// The path of the functions that each perform one operation.
const OPERATIONS: &str = "operations::operation::";
/// A function that can panic.
const CAN_PANIC: &str = "operations::can_panic";

/// Checks the operations in `program`, and returns a summary. The program has `printed`
/// the most instructions for which any operation masks interrupts.
pub(super) fn check(core: &Core, program: &Path, printed: &str) -> anyhow::Result<String> {
    let functions = Functions::of(program)?;
    let operations = functions.named(OPERATIONS);
    let all = operations.len();
    // The search for panics must find this one.
    let panics = |&function: &u64| functions.panics(function).is_some();
    ensure!(functions.named(CAN_PANIC).iter().any(panics), "no panic found in {CAN_PANIC}");
    for &operation in &operations {
        if let Some(panic) = functions.panics(operation) {
            bail!("{} can panic: it reaches {panic}", functions.name(operation));
        }
    }
    let masking = operations.iter().filter(|&&operation| functions.masks(operation)).count();
    if core.has_cas {
        ensure!(masking == 0, "{masking} of {all} operations mask interrupts");
        ensure!(printed == "0", "interrupts are masked for {printed} instructions");
        return Ok(format!("none of {all} can panic, none masks interrupts"));
    }
    ensure!(
        masking > 0,
        "none of {all} operations masks interrupts, though this core has no compare-and-swap"
    );
    Ok(format!(
        "none of {all} can panic, {masking} mask interrupts, for up to {printed} instructions at a \
         time"
    ))
}
