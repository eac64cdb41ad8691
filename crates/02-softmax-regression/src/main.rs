//! `cargo run -p softmax-regression`
fn main() -> std::process::ExitCode {
    d2l::main(softmax_regression::run)
}
