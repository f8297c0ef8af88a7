//! Prints the names of the kernels that this CPU runs, the best last.

use mynah_arm_tests::kernels::Kernel;

fn main() {
    let names: Vec<_> = Kernel::available().into_iter().map(Kernel::name).collect();
    println!("{}", names.join(" "));
}
