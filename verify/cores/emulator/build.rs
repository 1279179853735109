//! Puts the memory layout of the core's machine where the linker finds it.

use std::{env, fs, path::PathBuf};

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let target = env::var("TARGET").expect("cargo sets TARGET");
    let secure = target.starts_with("thumbv8m");
    let memory = match () {
        () if secure => "memory/arm_secure.x",
        () if target.starts_with("thumb") => "memory/arm.x",
        () => "memory/riscv.x",
    };
    fs::copy(memory, out.join("memory.x")).expect("there is a memory layout for this core");
    println!("cargo:rustc-check-cfg=cfg(secure)");
    if secure {
        println!("cargo:rustc-cfg=secure");
    }
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rerun-if-changed=memory");
}
