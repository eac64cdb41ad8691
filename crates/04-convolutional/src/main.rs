//! `cargo run -p convolutional`
fn main() -> std::process::ExitCode {
    convolutional::chapter().main()
}
