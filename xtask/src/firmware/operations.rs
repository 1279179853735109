//! That no operation can panic, and which mask interrupts: read from the linked
//! program.

use std::path::Path;

use anyhow::{bail, ensure};

use super::reach::Functions;
use crate::cores::Core;

/// Where the functions are that do an operation each.
const OPERATIONS: &str = "operations::operation::";
/// A function that does panic.
const CAN_PANIC: &str = "operations::can_panic";

/// Checks the operations in `program`; what there is to say of them. It `printed`
/// for how many instructions at most they mask interrupts.
pub(super) fn check(core: &Core, program: &Path, printed: &str) -> anyhow::Result<String> {
    let functions = Functions::of(program)?;
    let operations = functions.named(OPERATIONS);
    let all = operations.len();
    // Who looks for panics does find one.
    let panics = |&function: &u64| functions.panics(function).is_some();
    ensure!(functions.named(CAN_PANIC).iter().any(panics), "{CAN_PANIC} was not found to panic");
    for &operation in &operations {
        if let Some(panic) = functions.panics(operation) {
            bail!("{} can panic: it gets to {panic}", functions.name(operation));
        }
    }
    let masking = operations.iter().filter(|&&operation| functions.masks(operation)).count();
    if core.has_cas {
        ensure!(masking == 0, "{masking} of {all} operations mask interrupts");
        ensure!(printed == "0", "interrupts are masked for {printed} instructions");
        return Ok(format!("none of {all} can panic, none masks interrupts"));
    }
    ensure!(masking > 0, "none of {all} operations masks interrupts, but there is no other way");
    Ok(format!(
        "none of {all} can panic, {masking} mask interrupts, for up to {printed} instructions at a \
         time"
    ))
}
