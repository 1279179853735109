//! Choices that save flash.

/// Whether flash matters more than a nanosecond. True on bare metal, where
/// `cargo xtask footprint` measures what each choice saves.
pub(crate) const FLASH_IS_SCARCE: bool = cfg!(target_os = "none");

/// Where flash is scarce, makes all callers share one body of the function; elsewhere,
/// gives the function the attributes after `elsewhere`.
macro_rules! shared_in_flash {
    (elsewhere $($attribute:meta),+; $($function:tt)+) => {
        #[cfg_attr(target_os = "none", inline(never))]
        #[cfg_attr(not(target_os = "none"), $($attribute),+)]
        $($function)+
    };
}
pub(crate) use shared_in_flash;
