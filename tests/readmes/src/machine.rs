//! The machine that results come from.

use std::fs;
use std::thread;

use serde::{Deserialize, Serialize};

/// What the time of a run depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// As the system names it: `AMD EPYC`.
    pub processor: String,
    pub cores: usize,
    /// The widest vectors that it computes with.
    pub vectors: String,
}

impl Machine {
    pub fn here() -> Self {
        Self {
            processor: processor().unwrap_or_else(|| std::env::consts::ARCH.to_string()),
            cores: thread::available_parallelism().map_or(1, usize::from),
            vectors: vectors().to_string(),
        }
    }
}

/// The processor's name on Linux.
fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let (_, name) = lines.find(|(key, _)| key.trim() == "model name")?;
    Some(name.trim().to_string())
}

#[cfg(target_arch = "x86_64")]
fn vectors() -> &'static str {
    if is_x86_feature_detected!("avx512f") {
        "AVX-512"
    } else if is_x86_feature_detected!("avx2") {
        "AVX2"
    } else {
        "SSE2"
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn vectors() -> &'static str {
    "128 bits"
}
