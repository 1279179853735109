//! A register of a peripheral.

/// One 32-bit register.
pub struct Register(*mut u32);

impl Register {
    /// The register at `address`.
    ///
    /// # Safety
    ///
    /// `address` must be that of a peripheral's register, and no value written there may
    /// make the peripheral access memory.
    pub const unsafe fn at(address: usize) -> Self {
        Self(address as *mut u32)
    }

    pub fn read(&self) -> u32 {
        // SAFETY: the caller of `at` guarantees that this is a register.
        unsafe { self.0.read_volatile() }
    }

    pub fn write(&self, value: u32) {
        // SAFETY: the caller of `at` guarantees that this is a register, and that no value
        // makes the peripheral access memory.
        unsafe { self.0.write_volatile(value) }
    }
}
