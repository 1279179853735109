//! Passes the linker scripts to the linker, and says that there are two harts.

#[path = "../link.rs"]
mod link;

fn main() {
    link::main();
    println!("cargo:rustc-link-arg=--defsym=_max_hart_id=1");
    // Without this, each hart would get the whole stack: lld computes the size before it knows
    // the number of harts.
    println!("cargo:rustc-link-arg=--defsym=_hart_stack_size=0x4000");
}
