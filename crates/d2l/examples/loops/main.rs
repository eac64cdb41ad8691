//! Training loops that are not [`d2l::fit`]: two optimizers in turn, no data set, several losses.
//!
//! `cargo run -p d2l --example loops -- adversarial` (or `walk`, `two-heads`)
//!
//! Each file is the smallest complete example of its kind. The same few calls to [`d2l::Run`] give all of them the log,
//! the progress bar, Ctrl-C and exact resuming.

mod adversarial;
mod two_heads;
mod walk;

use d2l::Chapter;

fn main() -> std::process::ExitCode {
    let chapter = Chapter {
        name: "loops",
        about: "Training loops of other kinds than d2l::fit",
        models: vec![adversarial::model(), walk::model(), two_heads::model()],
        bands: "",
    };
    chapter.main()
}
