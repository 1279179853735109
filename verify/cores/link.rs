//! The build script of the programs that run on any core: passes the linker scripts to the
//! linker. The build script of `emulator` says where they are.

pub(crate) fn main() {
    let arch = std::env::var("CARGO_CFG_TARGET_ARCH").expect("cargo sets CARGO_CFG_TARGET_ARCH");
    // Arm's `link.x` includes `memory.x` itself.
    if arch.starts_with("riscv") {
        println!("cargo:rustc-link-arg=-Tmemory.x");
    }
    println!("cargo:rustc-link-arg=-Tlink.x");
    println!("cargo:rerun-if-changed=../link.rs");
}
