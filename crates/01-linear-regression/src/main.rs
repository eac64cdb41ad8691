//! `cargo run -p linear-regression`
fn main() -> std::process::ExitCode {
    linear_regression::chapter().main()
}
