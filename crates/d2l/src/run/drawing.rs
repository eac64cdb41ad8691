//! What the figures of a run share: their folder, their titles, and the curves that every run draws.

use std::path::{Path, PathBuf};

use anyhow::Result;
use d2l_language::translated;

use super::Run;
use crate::{curves, folder, interrupt};

impl Run {
    /// The path for a figure of this run: `figures/<name>.svg` in the run's folder. `None` before the run has started.
    ///
    /// # Errors
    /// [`Interrupted`](crate::Interrupted) after Ctrl-C, so that no further figure is begun.
    pub fn figure(&self, name: &str) -> Result<Option<PathBuf>> {
        interrupt::check_interrupt()?;
        let path = |folder: &Path| folder.join("figures").join(format!("{name}.svg"));
        Ok(self.folder().map(path))
    }

    /// The path for a figure that belongs to no run: `figures/<name>.svg` in the folder of the chapter's runs. `None`
    /// under `--dry-run`, which writes nothing.
    pub fn figure_without_run(&self, name: &str) -> Option<PathBuf> {
        let args = &self.settings.args;
        let figures = folder::of_chapter(args, self.settings.chapter).join("figures");
        (!args.dry_run).then(|| figures.join(format!("{name}.svg")))
    }

    /// Draws the curves of all epochs so far, or by step if there is one epoch; in a cross-validation, the mean over the
    /// folds.
    pub(crate) fn draw_curves(&self) -> Result<()> {
        let figures = self.recorder.folder()?.join("figures");
        let epochs = self.recorder.all_epochs();
        match (&epochs[..], self.checkpoint.progress.train.curve()) {
            ([epoch], Some(curve)) => curves::draw_by_step(&figures, self, curve, epoch),
            _ => curves::draw(&figures, self, &epochs),
        }
    }

    /// Sets the unit of a quantity, such as `dollars²` for the loss. It is shown at the axis of the quantity's curves.
    pub fn measured_in(&mut self, quantity: &'static str, unit: &'static str) {
        self.recorder.units.insert(quantity, unit);
    }

    /// The title of a figure: the run, its data, and what the figure shows.
    pub fn title(&self, what: &str) -> String {
        let run = self.folder().and_then(Path::file_name);
        let run = run.map_or(self.settings.model.into(), |name| name.to_string_lossy());
        let (on, what) = (translated("on"), translated(what));
        match self.recorder.data.as_str() {
            "" => format!("{run}: {what}"),
            data => format!("{run} {on} {data}: {what}"),
        }
    }
}
