//! Opening the device: the one place that knows about CPU, CUDA and Metal.

use anyhow::{Result, anyhow, bail};
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
    /// The device as it is written in a run's name and log.
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

/// A device that has answered.
pub(crate) struct Opened {
    /// The device itself.
    pub device: Device,
    /// What it is: never [`DeviceChoice::Auto`].
    pub choice: DeviceChoice,
    /// The model of the GPU and its memory, if the driver reports them.
    pub gpu: Option<String>,
}

impl DeviceChoice {
    /// Opens the device.
    ///
    /// # Errors
    /// A usage error if the program was built without the feature; another error if it has the feature but finds no
    /// such device. candle's own `cuda_if_available` only checks how the crate was built.
    pub(crate) fn open(self) -> Result<Opened> {
        let choice = match self {
            Self::Auto if utils::cuda_is_available() => Self::Cuda(0),
            Self::Auto if utils::metal_is_available() => Self::Metal,
            Self::Auto => Self::Cpu,
            chosen => chosen,
        };
        let device = match choice {
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
            Self::Cuda(ordinal) => Device::new_cuda(ordinal)
                .map_err(|cause| no_cuda(ordinal, driver::gpus(), &cause.to_string())),
            Self::Metal => {
                Device::new_metal(0).map_err(|cause| anyhow!("Metal does not answer: {cause}"))
            }
            Self::Auto | Self::Cpu => Ok(Device::Cpu),
        };
        self.answered(choice, device)
    }

    /// The device that was chosen. If it doesn't answer, `auto` takes the CPU and says so.
    fn answered(self, choice: Self, device: Result<Device>) -> Result<Opened> {
        match device {
            Ok(device) => Ok(Opened { gpu: driver::name(&device), device, choice }),
            Err(why) if self == Self::Auto => {
                d2l_command::warn(&format!("{why}; computing on the CPU"));
                Ok(Opened { device: Device::Cpu, choice: Self::Cpu, gpu: None })
            }
            Err(why) => bail!("{why}; use --device cpu"),
        }
    }
}

/// Why GPU number `ordinal` can't be used, on a machine whose driver finds `gpus` of them.
fn no_cuda(ordinal: usize, gpus: Option<usize>, cause: &str) -> anyhow::Error {
    match gpus {
        Some(1) if ordinal > 0 => {
            anyhow!("--device cuda:{ordinal}: this machine has 1 CUDA GPU, wanted cuda:0")
        }
        Some(gpus) if gpus > 0 && ordinal >= gpus => anyhow!(
            "--device cuda:{ordinal}: this machine has {gpus} CUDA GPUs, wanted cuda:0 to cuda:{}",
            gpus - 1
        ),
        _ => anyhow!("no CUDA GPU number {ordinal} answered ({cause})"),
    }
}

/// What the CUDA driver reports beyond what candle asks for.
#[cfg(feature = "cuda")]
mod driver {
    use candle_core::Device;
    use candle_core::cuda_backend::cudarc::driver::CudaContext;

    /// The number of GPUs.
    pub fn gpus() -> Option<usize> {
        usize::try_from(CudaContext::device_count().ok()?).ok()
    }

    /// Such as `NVIDIA H200, 150.1 GB`.
    pub fn name(device: &Device) -> Option<String> {
        let stream = device.as_cuda_device().ok()?.cuda_stream();
        let (name, bytes) = (
            stream.context().name().ok()?,
            stream.context().total_mem().ok()?,
        );
        Some(format!("{name}, {:.1} GB", bytes as f64 / 1e9))
    }
}

/// A program for the CPU knows no driver.
#[cfg(not(feature = "cuda"))]
mod driver {
    use candle_core::Device;

    pub fn gpus() -> Option<usize> {
        None
    }

    pub fn name(_: &Device) -> Option<String> {
        None
    }
}

/// The machine's memory in bytes; `None` if the system doesn't report it.
pub fn memory_bytes() -> Option<u64> {
    let all = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = all.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// The largest amount of memory that this process has held so far, in bytes; `None` if the system doesn't report it.
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
    fn auto_takes_the_cpu_where_no_gpu_answers_and_a_named_gpu_is_an_error() -> Result<()> {
        let silent = || Err(no_cuda(0, None, "no driver"));
        let opened = DeviceChoice::Auto.answered(DeviceChoice::Cuda(0), silent())?;
        assert_eq!(opened.choice, DeviceChoice::Cpu);
        assert!(opened.device.is_cpu());
        let named = DeviceChoice::Cuda(0);
        let Err(error) = named.answered(named, silent()) else {
            panic!("no GPU answered");
        };
        assert_eq!(
            error.to_string(),
            "no CUDA GPU number 0 answered (no driver); use --device cpu"
        );
        Ok(())
    }

    #[test]
    fn a_gpu_number_that_is_not_there_is_told_how_many_there_are() {
        let said = |ordinal, gpus| no_cuda(ordinal, gpus, "invalid device").to_string();
        assert!(said(1, Some(1)).contains("this machine has 1 CUDA GPU, wanted cuda:0"));
        assert!(said(7, Some(4)).contains("has 4 CUDA GPUs, wanted cuda:0 to cuda:3"));
        // The GPU is there, or that is unknown: only the driver's own message helps.
        for gpus in [Some(2), Some(0), None] {
            assert!(said(0, gpus).contains("(invalid device)"), "{gpus:?}");
        }
    }

    #[test]
    fn peak_memory_is_at_least_what_is_held() {
        let held = vec![1u8; 64 << 20];
        if let Some(peak) = peak_memory_bytes() {
            assert!(peak >= held.iter().map(|&byte| byte as u64).sum::<u64>());
        }
    }
}
