//! The same comparison as JSON, for programs.

use super::{Sides, ratios};
use crate::select::letter;
use d2l_log::{Best, Gap, Place, json_number};
use serde_json::{Value, json};

pub(super) fn value(sides: &Sides, tolerance: Option<f64>) -> Value {
    let comparison = &sides.comparison;
    let columns = sides.groups.iter().enumerate().map(|(column, group)| {
        let runs: Vec<&str> = group.logs.iter().map(|log| log.name.as_str()).collect();
        let seeds: Vec<u64> = group.logs.iter().map(|log| log.header.seed).collect();
        json!({"column": letter(column), "name": group.name, "runs": runs, "seeds": seeds})
    });
    let header = comparison.header.iter();
    let header = header.map(|field| json!({"field": field.key, "values": field.values}));
    let metrics = comparison.metrics.iter().map(|table| {
        let rows = table.rows.iter().map(|row| {
            let mut value = place(Some(row.place));
            value["values"] = numbers(&row.values);
            value["gap"] = row.gap().map(json_number).into();
            value
        });
        let rows: Vec<Value> = rows.collect();
        json!({"metric": table.metric, "epochs": rows, "largest_gap": table.gap.as_ref().map(gap)})
    });
    let scores = comparison.scores.iter().map(|score| {
        let best = |best: Best| json!({"value": json_number(best.value), "epoch": best.epoch});
        let best: Vec<_> = score.best.iter().map(|found| found.map(best)).collect();
        json!({"metric": score.metric, "last": numbers(&score.last), "best": best})
    });
    let spreads = sides.spreads.iter().map(|spread| {
        let groups = spread.samples.iter().enumerate().map(|(group, sample)| {
            let interval = spread.intervals.get(group).copied().flatten();
            json!({
                "name": sides.names.get(group),
                "seeds": sample.map(|sample| sample.count),
                "mean": sample.map(|sample| json_number(sample.mean)),
                "deviation": sample.and_then(|sample| sample.deviation).map(json_number),
                "low": sample.map(|sample| json_number(sample.low)),
                "high": sample.map(|sample| json_number(sample.high)),
                "is_best": group == spread.best,
                "minus_best": interval.map(|(low, high)| [json_number(low), json_number(high)]),
                "is_apart": spread.is_apart(group),
            })
        });
        json!({"metric": spread.metric, "groups": groups.collect::<Vec<_>>()})
    });
    let amounts = |amount: &dyn Fn(&d2l_log::Cost) -> Option<f64>| {
        let amounts: Vec<Option<f64>> = comparison.costs.iter().map(amount).collect();
        json!({"values": numbers(&amounts), "over_first": numbers(&ratios(&amounts))})
    };
    let mut value = json!({
        "columns": columns.collect::<Vec<_>>(),
        "header": header.collect::<Vec<_>>(),
        "metrics": metrics.collect::<Vec<_>>(),
        "scores": scores.collect::<Vec<_>>(),
        "over_seeds": spreads.collect::<Vec<_>>(),
        "seconds": amounts(&|cost| Some(cost.seconds)),
        "examples_per_second": amounts(&|cost| cost.examples_per_second),
        "peak_memory_bytes": amounts(&|cost| cost.peak_memory_bytes.map(|bytes| bytes as f64)),
    });
    if let Some(tolerance) = tolerance {
        let beyond: Vec<Value> = comparison.beyond(tolerance).into_iter().map(gap).collect();
        value["tolerance"] = json!({"tolerance": tolerance, "beyond": beyond});
    }
    value
}

fn numbers(values: &[Option<f64>]) -> Value {
    values.iter().map(|value| value.map(json_number)).collect()
}

fn place(place: Option<Place>) -> Value {
    match place {
        Some(Place { fold: Some(fold), epoch }) => json!({"fold": fold, "epoch": epoch}),
        Some(Place { fold: None, epoch }) => json!({"epoch": epoch}),
        None => json!({}),
    }
}

fn gap(gap: &Gap) -> Value {
    let end =
        |(run, value): (usize, f64)| json!({"column": letter(run), "value": json_number(value)});
    let mut value = place(gap.place);
    value["metric"] = gap.metric.clone().into();
    value["size"] = json_number(gap.size());
    value["low"] = end(gap.low);
    value["high"] = end(gap.high);
    value
}
