//! What is done for the sake of flash.

/// Whether flash counts for more than a nanosecond: on bare metal, where
/// `cargo xtask footprint` measures what each choice below saves.
pub(crate) const FLASH_IS_SCARCE: bool = cfg!(target_os = "none");

/// Gives a function one body that all callers share where flash is scarce, and the
/// attributes named first elsewhere.
macro_rules! shared_in_flash {
    (elsewhere $($attribute:meta),+; $($function:tt)+) => {
        #[cfg_attr(target_os = "none", inline(never))]
        #[cfg_attr(not(target_os = "none"), $($attribute),+)]
        $($function)+
    };
}
pub(crate) use shared_in_flash;
