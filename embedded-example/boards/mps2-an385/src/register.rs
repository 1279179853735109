//! A register of a peripheral.

/// One 32-bit register.
pub(crate) struct Register(*mut u32);

impl Register {
    /// The register at `address`.
    ///
    /// # Safety
    ///
    /// `address` is that of a peripheral's register, and no value written to it makes
    /// the peripheral touch memory.
    pub(crate) const unsafe fn at(address: usize) -> Self {
        Self(address as *mut u32)
    }

    pub(crate) fn read(&self) -> u32 {
        // SAFETY: the caller of `at` promised a register here.
        unsafe { self.0.read_volatile() }
    }

    pub(crate) fn write(&self, value: u32) {
        // SAFETY: `at` was promised a register here, and one that leaves memory alone.
        unsafe { self.0.write_volatile(value) }
    }
}
