//! Opening the device: the one place that knows about CPU, CUDA and Metal.

use anyhow::Result;
use candle_core::{Device, utils};
use std::fmt;
use std::str::FromStr;

use crate::usage;

/// The choices of `--device`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The accelerator that the program was built for, else the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// CUDA's device with this number.
    Cuda(usize),
    /// Apple's GPU.
    Metal,
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            "metal" => Ok(Self::Metal),
            other => match other.strip_prefix("cuda:").map(str::parse) {
                Some(Ok(ordinal)) => Ok(Self::Cuda(ordinal)),
                _ => Err(format!(
                    "`{other}`: wanted auto, cpu, cuda, cuda:N or metal"
                )),
            },
        }
    }
}

impl fmt::Display for DeviceChoice {
    /// The device as a run's name and log have it.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(0) => f.write_str("cuda"),
            Self::Cuda(ordinal) => write!(f, "cuda{ordinal}"),
            Self::Metal => f.write_str("metal"),
        }
    }
}

impl DeviceChoice {
    /// The choice with `auto` replaced by what the program was built for.
    pub fn resolve(self) -> Self {
        match self {
            Self::Auto if utils::cuda_is_available() => Self::Cuda(0),
            Self::Auto if utils::metal_is_available() => Self::Metal,
            Self::Auto => Self::Cpu,
            chosen => chosen,
        }
    }

    /// Opens the device.
    ///
    /// # Errors
    /// A usage error if the program was built without the feature; another error if it has the feature but finds no
    /// such device. candle's own `cuda_if_available` only checks how the crate was built.
    pub fn open(self) -> Result<Device> {
        match self.resolve() {
            Self::Cuda(_) if !utils::cuda_is_available() => {
                usage!(
                    "--device cuda: this program was built for the CPU; build it with --features cuda"
                )
            }
            Self::Metal if !utils::metal_is_available() => {
                usage!(
                    "--device metal: this program was built for the CPU; build it with --features metal"
                )
            }
            Self::Cuda(ordinal) => Device::new_cuda(ordinal).map_err(|cause| {
                anyhow::anyhow!("no CUDA GPU number {ordinal} answered ({cause}); use --device cpu")
            }),
            Self::Metal => Device::new_metal(0)
                .map_err(|cause| anyhow::anyhow!("Metal: {cause}; use --device cpu")),
            Self::Auto | Self::Cpu => Ok(Device::Cpu),
        }
    }
}

/// The machine's memory in bytes; `None` if the system doesn't tell.
pub fn memory_bytes() -> Option<u64> {
    let all = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = all.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// The largest amount of memory that this process has held so far, in bytes; `None` if the system doesn't tell.
pub fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_named_and_read_back() {
        assert_eq!("cuda:1".parse(), Ok(DeviceChoice::Cuda(1)));
        assert_eq!("cuda".parse(), Ok(DeviceChoice::Cuda(0)));
        for bad in ["gpu", "cuda:", "cuda:x", "cpu:1", ""] {
            assert!(bad.parse::<DeviceChoice>().is_err(), "{bad}");
        }
        assert_eq!(DeviceChoice::Cuda(1).to_string(), "cuda1");
    }

    #[test]
    fn peak_memory_is_at_least_what_is_held() {
        let held = vec![1u8; 64 << 20];
        if let Some(peak) = peak_memory_bytes() {
            assert!(peak >= held.iter().map(|&byte| byte as u64).sum::<u64>());
        }
    }
}
