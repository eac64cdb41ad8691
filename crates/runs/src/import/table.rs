//! The content of a foreign log, whatever its format: columns of numbers.

use serde_json::{Map, Value};

/// One run of a foreign log.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// The run's name, if the log has one.
    pub(crate) run: Option<String>,
    /// In the order of the log.
    pub(crate) rows: Vec<Row>,
    /// Hyperparameters.
    pub(crate) recipe: Map<String, Value>,
}

/// What was logged at one time: names of columns, and numbers.
pub(crate) type Row = Vec<(String, f64)>;

/// The tables of a log, and remarks on what was left out.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    pub(crate) tables: Vec<Table>,
    pub(crate) notes: Vec<String>,
}

impl Tables {
    /// The table of the run with this name, which is made if there is none.
    pub(crate) fn of(&mut self, run: Option<&str>) -> &mut Table {
        let found = self
            .tables
            .iter()
            .position(|table| table.run.as_deref() == run);
        let place = found.unwrap_or_else(|| {
            self.tables
                .push(Table { run: run.map(String::from), ..Table::default() });
            self.tables.len() - 1
        });
        &mut self.tables[place]
    }
}
