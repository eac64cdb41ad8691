//! Ctrl-C ends the run that is training, which saves itself, and then the sweep.

use anyhow::{Context, Result};
use std::process::{Child, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

/// Set by the first request to stop.
static REQUESTED: AtomicBool = AtomicBool::new(false);
/// Time between two checks of a run.
const PAUSE: Duration = Duration::from_millis(50);

/// Whether somebody asked to stop.
pub(crate) fn is_requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}

/// Makes requests to stop be counted instead of ending this program.
pub(crate) fn listen() -> Result<()> {
    ctrlc::set_handler(|| REQUESTED.store(true, Ordering::SeqCst))
        .context("cannot listen for Ctrl-C")
}

/// Waits for a run's end, and passes a request to stop on to it.
pub(crate) fn wait(child: &mut Child) -> Result<ExitStatus> {
    let mut passed_on = false;
    loop {
        if let Some(status) = child.try_wait().context("the run cannot be waited for")? {
            return Ok(status);
        }
        if is_requested() && !passed_on {
            pass_on(child);
            passed_on = true;
        }
        sleep(PAUSE);
    }
}

/// Passes the request on to the run. A terminal sends Ctrl-C to both programs, but another sender may know only this
/// one. A run takes two requests within a second for one.
#[cfg(unix)]
fn pass_on(child: &Child) {
    use rustix::process::{Pid, Signal, kill_process};
    // An error says that the run has just ended.
    let _ = kill_process(Pid::from_child(child), Signal::INT);
}

/// The system sends Ctrl-C to all programs of the terminal.
#[cfg(not(unix))]
fn pass_on(_: &Child) {}
