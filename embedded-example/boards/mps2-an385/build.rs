//! Passes the linker scripts to the linker. The members of the workspace share this.

use std::{env, fs, path::PathBuf};

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::write(out.join("memory.x"), include_str!("memory.x")).expect("OUT_DIR is writable");
    // What a peripheral access crate supplies: the names of the interrupts. Only under RTIC
    // are there any.
    fs::write(out.join("device.x"), "PROVIDE(UART0 = DefaultHandler);\n")
        .expect("OUT_DIR is writable");
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-link-arg=-Tlink.x");
    println!("cargo:rustc-link-arg=-Tdefmt.x");
}
