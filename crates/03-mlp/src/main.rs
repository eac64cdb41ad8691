//! `cargo run -p mlp`
fn main() -> std::process::ExitCode {
    mlp::chapter().main()
}
