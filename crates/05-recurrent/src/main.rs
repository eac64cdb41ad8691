//! `cargo run -p recurrent`
fn main() -> std::process::ExitCode {
    d2l::main(recurrent::run)
}
