//! The number of CPU threads that compute, and the memory pages that the allocator keeps.
//!
//! candle 0.11 takes the number of threads of its matrix products from `RAYON_NUM_THREADS`, or else from the number of
//! *physical* cores, and reads it once. Its element-wise operations have another pool, sized by `CANDLE_NUM_THREADS`,
//! or else in the same way. That pool's threads spin while they wait: while another program is running, a step of
//! 784-100-10 on ten digits takes 0.13 ms without that pool, and 2.6 ms with it.
//!
//! mimalloc returns pages to the system a second after they were freed, and faults them in again on their next use.
//! This costs time if a program pauses. In the benchmark, which lets another program compute between two turns, a step
//! of ResNet-18 at 96 × 96 took 326 ms on two threads, and 223 ms with `MIMALLOC_PURGE_DELAY=-1`, which keeps the
//! pages.
//!
//! rayon's threads sleep between two pieces of work. An operation that is called from outside wakes all of them and
//! puts the caller to sleep. An operation that is called on one of them wakes only the others, and this one continues
//! at once. A step of GoogLeNet takes a seventh less on two threads.
//!
//! All three variables must be set before the libraries read them, and a process cannot safely change its own
//! environment. So the program starts itself a second time.

use std::process::Command;

use anyhow::{Context, Result};

/// Sizes candle's matrix products.
const PRODUCTS: &str = "RAYON_NUM_THREADS";
/// Sizes candle's pool for element-wise operations.
const ELEMENT_WISE: &str = "CANDLE_NUM_THREADS";
/// If these are set, errors of candle and of anyhow include a backtrace, line by line.
const BACKTRACES: [&str; 2] = ["RUST_BACKTRACE", "RUST_LIB_BACKTRACE"];
/// Milliseconds after which freed pages go back to the system; -1 for never.
const PURGE_DELAY: &str = "MIMALLOC_PURGE_DELAY";

/// Sets the number of CPU threads of everything that computes; `None` takes it from the environment, or else uses all
/// cores. Call it before the first tensor. Restarts this program if the environment has other values. Unless `debug` is
/// set, it removes the variables that make errors longer than a line.
pub(crate) fn set(threads: Option<u64>, debug: bool) -> Result<()> {
    const ENOUGH: u64 = 64;
    let given = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    // Many more threads than cores would mostly wait for one another.
    let given_threads = given(PRODUCTS).map(|threads| threads.clamp(1, cores.max(ENOUGH)));
    let threads = threads.or(given_threads).unwrap_or(cores);
    let is_set = |name: &str| std::env::var_os(name).is_some();
    let is_wanted = |name: &&str| is_set(name) == debug;
    if given(PRODUCTS) == Some(threads)
        && given(ELEMENT_WISE).is_some()
        && is_set(PURGE_DELAY)
        && BACKTRACES.iter().all(is_wanted)
    {
        return Ok(()); // rayon's own pool, which our kernels use, follows the first variable too
    }
    let program = std::env::current_exe().context("--threads: cannot find this program's file")?;
    let mut command = Command::new(&program);
    command
        .args(std::env::args_os().skip(1))
        .env(PRODUCTS, threads.to_string());
    for name in BACKTRACES {
        match debug {
            true => command.env(name, "1"),
            false => command.env_remove(name),
        };
    }
    if given(ELEMENT_WISE).is_none() {
        command.env(ELEMENT_WISE, "1");
    }
    if !is_set(PURGE_DELAY) {
        command.env(PURGE_DELAY, "-1");
    }
    let cause = replace_this_process(&mut command);
    Err(cause).with_context(|| format!("cannot start {} anew", program.display()))
}

/// Runs `work` on one of the computing threads, and waits for it.
pub fn on_computing_thread<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    // As deep as a main thread's: candle walks its graph, and drops it, by recursion.
    const STACK: usize = 8 << 20;
    // An error says that the pool exists already, as in tests; then the work runs in it.
    let _ = rayon::ThreadPoolBuilder::new()
        .stack_size(STACK)
        .build_global();
    rayon::scope(|_| work())
}

/// The new program takes this one's place: same number, same terminal, same signals. Returns only on failure.
#[cfg(unix)]
fn replace_this_process(command: &mut Command) -> std::io::Error {
    std::os::unix::process::CommandExt::exec(command)
}

/// If processes cannot be replaced, the new one runs as a child of this one, which passes on its exit code.
#[cfg(not(unix))]
fn replace_this_process(command: &mut Command) -> std::io::Error {
    match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(cause) => cause,
    }
}
