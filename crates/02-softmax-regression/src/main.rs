//! `cargo run -p softmax-regression`
fn main() -> std::process::ExitCode {
    softmax_regression::chapter().main()
}
