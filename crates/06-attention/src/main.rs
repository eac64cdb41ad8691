//! `cargo run -p attention`
fn main() -> std::process::ExitCode {
    attention::chapter().main()
}
