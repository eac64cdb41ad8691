//! Fetches the real data sets and checks them.

fn main() -> std::process::ExitCode {
    d2l_command::main(fetch_data::run)
}
