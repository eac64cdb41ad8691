//! The form of the lines, which the PyTorch references write too.

use crate::{end, epoch, header, metrics};
use anyhow::Result;
use d2l_log::{Epoch, Header, Record, Schema, Status, Step};
use serde_json::{from_str, to_string};

#[test]
fn an_epoch_is_written_as_documented() -> Result<()> {
    let line = r#"{"kind":"epoch","epoch":2,"step":470,"learning_rate":0.1,"train":{"loss":0.75},"valid":{"accuracy":0.5},"train_after":{"loss":0.25},"gradient_norm":0.42,"seconds":3.1,"examples_per_second":19300.0}"#;
    assert_eq!(to_string(&Record::Epoch(epoch(2, 0.75, 0.5)))?, line);
    assert_eq!(
        from_str::<Record>(line)?,
        Record::Epoch(epoch(2, 0.75, 0.5))
    );
    Ok(())
}

#[test]
fn a_header_keeps_the_order_of_its_recipe() -> Result<()> {
    let line = to_string(&Record::Run(header()))?;
    assert!(
        line.starts_with(r#"{"kind":"run","schema":1,"schema_minor":2,"chapter":"mlp","#),
        "{line}"
    );
    let recipe = r#""seed":18446744073709551615,"recipe":{"epochs":3,"batch_size":256,"learning_rate":0.1,"clip_norm":null,"optimizer":{"name":"sgd","momentum":0.9}},"data":{"#;
    assert!(line.contains(recipe), "{line}");
    Ok(())
}

#[test]
fn a_run_without_a_data_set_has_no_data_in_its_header() -> Result<()> {
    let header = Header { data: None, ..header() };
    let line = to_string(&Record::Run(header.clone()))?;
    assert!(!line.contains("data"), "{line}");
    assert_eq!(from_str::<Record>(&line)?, Record::Run(header));
    Ok(())
}

#[test]
fn the_header_of_a_run_on_a_gpu_names_it() -> Result<()> {
    let gpu = Some("NVIDIA H200, 150.1 GB".to_string());
    let header = Header { device: "cuda".into(), gpu, ..header() };
    let line = to_string(&Record::Run(header.clone()))?;
    let wanted = r#""device":"cuda","gpu":"NVIDIA H200, 150.1 GB","threads""#;
    assert!(line.contains(wanted), "{line}");
    assert_eq!(from_str::<Record>(&line)?, Record::Run(header));
    Ok(())
}

#[test]
fn a_header_without_a_minor_version_is_of_the_first() -> Result<()> {
    let line = to_string(&Record::Run(header()))?.replace(r#""schema_minor":2,"#, "");
    let Record::Run(header) = from_str(&line)? else {
        panic!("wanted a header")
    };
    assert_eq!(header.schema, Schema { major: 1, minor: 0 });
    Ok(())
}

#[test]
fn a_step_is_written_as_documented() -> Result<()> {
    let line = r#"{"kind":"step","step":100,"epoch":1,"learning_rate":0.1,"loss":0.93}"#;
    let step = Step {
        step: 100,
        epoch: 1,
        fold: None,
        learning_rate: 0.1,
        loss: 0.93,
    };
    assert_eq!(to_string(&Record::Step(step.clone()))?, line);
    assert_eq!(from_str::<Record>(line)?, Record::Step(step.clone()));
    let values = ["train.loss", "learning_rate", "valid.loss"].map(|name| step.metric(name));
    assert_eq!(values, [Some(0.93), Some(0.1), None]);
    Ok(())
}

#[test]
fn a_header_of_before_may_name_a_fold() -> Result<()> {
    let line = to_string(&Record::Run(header()))?.replace(r#""recipe""#, r#""fold":2,"recipe""#);
    assert!(line.contains(r#""fold":2"#), "{line}");
    assert_eq!(from_str::<Record>(&line)?, Record::Run(header()));
    Ok(())
}

#[test]
fn an_end_names_its_final_values_and_its_status() -> Result<()> {
    let line = to_string(&Record::End(end(2)))?;
    assert!(
        line.starts_with(r#"{"kind":"end","status":"finished","epochs":2,"seconds":9.7,"#),
        "{line}"
    );
    assert!(
        line.contains(r#""final":{"error.bias":0.01,"train.loss":0.5}"#),
        "{line}"
    );
    assert!(
        line.contains(r#""best":{"train.loss":{"value":0.5,"epoch":2}}"#),
        "{line}"
    );
    let words = [Status::Interrupted, Status::Failed].map(|status| to_string(&status));
    assert_eq!(
        words.into_iter().collect::<Result<Vec<_>, _>>()?,
        [r#""interrupted""#, r#""failed""#]
    );
    Ok(())
}

#[test]
fn whole_numbers_of_another_language_are_floats_here() -> Result<()> {
    let line = r#"{"kind":"epoch","epoch":1,"step":1,"learning_rate":1,"train":{"loss":2},"gradient_norm":3,"seconds":4,"examples_per_second":5}"#;
    let Record::Epoch(epoch) = from_str(line)? else {
        panic!("wanted an epoch")
    };
    assert_eq!(epoch.metric("train.loss"), Some(2.0));
    assert_eq!(epoch.metric("gradient_norm"), Some(3.0));
    assert!(epoch.valid.is_empty() && epoch.more.is_empty());
    Ok(())
}

#[test]
fn metrics_are_found_by_group_and_name() {
    let epoch = epoch(3, 0.75, 0.5);
    let names: Vec<String> = epoch.metrics().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["train.loss", "valid.accuracy", "train_after.loss"]);
    assert_eq!(epoch.metric("train_after.loss"), Some(0.25));
    assert_eq!(epoch.metric("seconds"), Some(3.1));
    assert_eq!(epoch.metric("examples_per_second"), Some(19300.0));
    assert_eq!(epoch.metric("loss"), None);
    assert_eq!(epoch.metric("valid.loss"), None);
    assert_eq!(epoch.metric("test.loss"), None);
}

#[test]
fn the_best_loss_is_the_lowest_and_the_best_accuracy_the_highest() {
    let epochs = [epoch(1, 0.5, 0.7), epoch(2, 0.25, 0.9), epoch(3, 0.25, 0.8)];
    let best = |metric| d2l_log::Best::of(&epochs, metric).map(|best| (best.value, best.epoch));
    assert_eq!(
        best("train.loss"),
        Some((0.25, 2)),
        "the first of two equal ones"
    );
    assert_eq!(best("valid.accuracy"), Some((0.9, 2)));
    assert_eq!(best("valid.perplexity"), None);
    let diverged = [
        epoch(1, f64::NAN, 0.5),
        epoch(2, 0.5, 0.5),
        epoch(3, f64::NAN, 0.5),
    ];
    let best = d2l_log::Best::of(&diverged, "train.loss").map(|best| best.epoch);
    assert_eq!(best, Some(2), "any number is better than none");
    let sparse = [
        Epoch { valid: metrics([("bleu", 0.3)]), ..epoch(1, 1.0, 0.0) },
        epoch(2, 1.0, 0.0),
    ];
    assert_eq!(
        d2l_log::Best::of(&sparse, "valid.bleu").map(|best| best.epoch),
        Some(1)
    );
}
