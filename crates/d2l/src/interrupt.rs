//! Ctrl-C and the system's other requests to stop: the run is saved first.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::Interrupted;

/// Set by the first request.
static REQUESTED: AtomicBool = AtomicBool::new(false);

/// A request within this time after the first counts as the same one: a key that was held down, or a shell that passes
/// its own signal on.
const SAME: Duration = Duration::from_secs(1);

/// Whether the program was asked to stop.
pub(crate) fn is_requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}

/// An error if the program was asked to stop. Long work after training, such as writing a text, calls this now and
/// then; the training is saved by then.
///
/// # Errors
/// [`Interrupted`].
pub fn check_interrupt() -> Result<()> {
    match is_requested() {
        true => Err(Interrupted::default().into()),
        false => Ok(()),
    }
}

/// Called at every request. Later ones end the process at once.
fn request(first: &mut Option<Instant>) {
    REQUESTED.store(true, Ordering::SeqCst);
    let first = first.get_or_insert_with(Instant::now);
    if first.elapsed() > SAME {
        std::process::exit(130);
    }
}

/// Starts to listen for requests: the interrupt (Ctrl-C), termination, and the end of the terminal. Signals that were
/// ignored when the program started stay ignored, as `nohup` and a shell's `&` need it.
#[cfg(unix)]
pub(crate) fn listen() -> Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let heard = [SIGINT, SIGTERM, SIGHUP];
    let heard = heard.into_iter().filter(|&signal| !is_ignored(signal));
    let mut signals = signal_hook::iterator::Signals::new(heard)?;
    std::thread::spawn(move || {
        let mut first = None;
        for _ in signals.forever() {
            request(&mut first);
        }
    });
    Ok(())
}

#[cfg(unix)]
#[expect(unsafe_code, reason = "the system's call takes pointers")]
fn is_ignored(signal: i32) -> bool {
    // SAFETY: no new action is given, and the old one is written to a value of its type, for which zeros are valid.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &raw mut action) == 0
            && action.sa_sigaction == libc::SIG_IGN
    }
}

/// Starts to listen for Ctrl-C.
#[cfg(not(unix))]
pub(crate) fn listen() -> Result<()> {
    let mut first = None;
    let handled = ctrlc::set_handler(move || request(&mut first));
    handled.map_err(|cause| anyhow::anyhow!("cannot listen for Ctrl-C: {cause}"))
}
