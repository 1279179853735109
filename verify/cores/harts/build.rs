//! Passes the linker scripts to the linker, and says that there are two harts.

#[path = "../link.rs"]
mod link;

fn main() {
    link::main();
    println!("cargo:rustc-link-arg=--defsym=_max_hart_id=1");
    // By default each hart gets the whole stack: lld fixes its size before it knows the
    // number of harts.
    println!("cargo:rustc-link-arg=--defsym=_hart_stack_size=0x4000");
}
