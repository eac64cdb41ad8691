//! Groups of runs: those that differ in their seed alone, or those that share the value of a field.

use crate::condition::order;
use crate::text;
use anyhow::Result;
use d2l_log::{Header, Log, check_field, mean};
use serde_json::{Map, Value};

/// The text for a field in which the runs of a group differ.
const VARIES: &str = "varies";

/// Runs of one setting.
pub(crate) struct Group<'a> {
    /// The first run's name, or the value of the field by which the runs are grouped.
    pub(crate) name: String,
    pub(crate) logs: Vec<&'a Log>,
}

impl Group<'_> {
    /// The fields that its runs have in common; fields in which they differ have a word in place of a value.
    pub(crate) fn setting(&self) -> Map<String, Value> {
        let mut settings = self.logs.iter().map(|log| log.setting());
        let mut common = settings.next().unwrap_or_default();
        for other in settings {
            for (field, value) in &other {
                match common.get_mut(field) {
                    Some(found) if found == value => {}
                    Some(found) => *found = VARIES.into(),
                    None => _ = common.insert(field.clone(), VARIES.into()),
                }
            }
            for (field, value) in &mut common {
                if !other.contains_key(field) {
                    *value = VARIES.into();
                }
            }
        }
        common
    }

    /// The fields in which its runs differ, besides the seed.
    pub(crate) fn varying(&self) -> Vec<String> {
        let setting = self.setting().into_iter();
        let varying = setting.filter(|(_, value)| value == VARIES);
        varying.map(|(field, _)| field).collect()
    }

    /// The mean run.
    pub(crate) fn mean(&self) -> Option<Log> {
        mean(&self.logs)
    }

    /// The seeds of several runs: `seeds 0, 1, 2`.
    pub(crate) fn seeds(&self) -> String {
        let seeds: Vec<String> = self
            .logs
            .iter()
            .map(|log| log.header.seed.to_string())
            .collect();
        match &seeds[..] {
            [seed] => format!("seed {seed}"),
            seeds => format!("seeds {}", seeds.join(", ")),
        }
    }
}

/// The runs by their settings, in the order of the first runs; each group in the order of the seeds. A run that repeats
/// another run's seed too is a group of its own.
pub(crate) fn by_setting(logs: &[Log]) -> Vec<Group<'_>> {
    let mut groups: Vec<(Map<String, Value>, Group)> = Vec::new();
    for log in logs {
        let setting = log.setting();
        let found = groups.iter_mut().find(|(other, group)| {
            *other == setting
                && group
                    .logs
                    .iter()
                    .all(|run| run.header.seed != log.header.seed)
        });
        match found {
            Some((_, group)) => group.logs.push(log),
            None => groups.push((setting, Group { name: log.name.clone(), logs: vec![log] })),
        }
    }
    let groups = groups.into_iter().map(|(_, group)| group);
    groups.map(in_order_of_seeds).collect()
}

/// The runs by the value of a field, in its order. Of runs that train the same ([`is_same_training`]), the last is taken,
/// so that none counts twice.
///
/// # Errors
///
/// If no run has the field.
pub(crate) fn by_field<'a>(logs: &'a [Log], field: &str) -> Result<Vec<Group<'a>>> {
    let fields: Vec<Map<String, Value>> = logs.iter().map(Log::fields).collect();
    check_field(field, &fields)?;
    let mut groups: Vec<(Option<Value>, Group)> = Vec::new();
    for (log, fields) in logs.iter().zip(&fields) {
        let value = fields.get(field).cloned();
        match groups.iter_mut().find(|(other, _)| *other == value) {
            Some((_, group)) => {
                group
                    .logs
                    .retain(|run| !is_same_training(&run.header, &log.header));
                group.logs.push(log);
            }
            None => {
                let name = text::optional(value.as_ref(), text::field);
                groups.push((value, Group { name, logs: vec![log] }));
            }
        }
    }
    groups.sort_by(|(one, _), (other, _)| order(one.as_ref(), other.as_ref()));
    let groups = groups.into_iter().map(|(_, group)| group);
    Ok(groups.map(in_order_of_seeds).collect())
}

/// Whether two runs train the same: neither the number of threads nor how often a run was made longer changes a result.
pub(crate) fn is_same_training(one: &Header, other: &Header) -> bool {
    let [one, other] = [one, other].map(|header| {
        let mut fields = header.described();
        fields.retain(|name, _| name != "threads" && name != "lengthened");
        fields
    });
    one == other
}

fn in_order_of_seeds(mut group: Group) -> Group {
    group.logs.sort_by_key(|log| log.header.seed);
    group
}
