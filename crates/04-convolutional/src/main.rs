//! `cargo run -p convolutional`
fn main() -> std::process::ExitCode {
    d2l::main(convolutional::run)
}
