//! `cargo run -p mlp`
fn main() -> std::process::ExitCode {
    d2l::main(mlp::run)
}
