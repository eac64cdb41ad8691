//! Lists, shows, compares and plots training logs, and compares results with the book's.

fn main() -> std::process::ExitCode {
    d2l_command::main(runs::run)
}
