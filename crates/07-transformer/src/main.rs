//! `cargo run -p transformer`
fn main() -> std::process::ExitCode {
    transformer::chapter().main()
}
