//! Lists, shows, compares and plots training logs.

fn main() -> std::process::ExitCode {
    d2l_command::main(runs::run)
}
