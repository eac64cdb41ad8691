//! `cargo run -p linear-regression`
fn main() -> std::process::ExitCode {
    d2l::main(linear_regression::run)
}
