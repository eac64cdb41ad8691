//! `cargo run -p recurrent`
fn main() -> std::process::ExitCode {
    recurrent::chapter().main()
}
