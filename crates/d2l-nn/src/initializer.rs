//! Rules for a layer's initial values. D2L zh 4.8, en 5.4.

use std::fmt::{self, Display};
use std::str::FromStr;

use anyhow::{Error, Result, bail};
use candle_nn::Init;
use serde::{Deserialize, Serialize};

/// A rule for a layer's initial values. It depends on the numbers of inputs and outputs that each weight connects.
///
/// On the command line and in logs: `pytorch`, `normal:0.01`, `normal:0.01,zero-bias`, `normal:0.01,normal-bias`,
/// `xavier`, `kaiming`, `fan-out`, `zeros`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Initializer {
    /// The default of `torch.nn.Linear` and `torch.nn.Conv2d`: weight and bias from U(-b, b), b = 1/√fan_in. (PyTorch
    /// writes the weight's rule as `kaiming_uniform_(a=√5)`, which gives the same bound.)
    #[default]
    PytorchDefault,
    /// Weights from N(0, std²), as `nn.init.normal_(weight, std=…)`; biases keep PyTorch's default.
    Normal {
        /// Standard deviation.
        std: f64,
    },
    /// Weights from N(0, std²), biases zero.
    NormalZeroBias {
        /// Standard deviation.
        std: f64,
    },
    /// Weights and biases from N(0, std²).
    NormalBias {
        /// Standard deviation.
        std: f64,
    },
    /// Weights from U(-b, b), b = √(6 / (fan_in + fan_out)), as `nn.init.xavier_uniform_`; biases keep PyTorch's
    /// default. Glorot and Bengio 2010.
    Xavier,
    /// Weights from N(0, 2 / fan_in), for layers before a ReLU (gain √2), as
    /// `nn.init.kaiming_normal_(weight, nonlinearity="relu")`; biases keep PyTorch's default. He et al. 2015,
    /// arXiv:1502.01852.
    Kaiming,
    /// Weights from N(0, 1 / fan_out), biases from N(0, 1): a layer with few outputs gets large weights. Nielsen 2015,
    /// chapter 6's program.
    FanOut,
    /// Weights and biases zero.
    Zeros,
}

impl Initializer {
    /// The hint for a weight.
    pub fn weight(&self, fan_in: usize, fan_out: usize) -> Init {
        match *self {
            Self::PytorchDefault => uniform(one_over_root(fan_in)),
            Self::Normal { std } | Self::NormalZeroBias { std } | Self::NormalBias { std } => {
                normal(std)
            }
            Self::Xavier => uniform((6.0 / (fan_in + fan_out).max(1) as f64).sqrt()),
            Self::Kaiming => normal(2f64.sqrt() * one_over_root(fan_in)),
            Self::FanOut => normal(one_over_root(fan_out)),
            Self::Zeros => Init::Const(0.0),
        }
    }

    /// The hint for a bias.
    pub fn bias(&self, fan_in: usize) -> Init {
        match *self {
            Self::NormalZeroBias { .. } | Self::Zeros => Init::Const(0.0),
            Self::NormalBias { std } => normal(std),
            Self::FanOut => normal(1.0),
            Self::PytorchDefault | Self::Normal { .. } | Self::Xavier | Self::Kaiming => {
                uniform(one_over_root(fan_in))
            }
        }
    }
}

/// N(0, std²).
fn normal(std: f64) -> Init {
    Init::Randn { mean: 0.0, stdev: std }
}

/// U(-bound, bound).
fn uniform(bound: f64) -> Init {
    Init::Uniform { lo: -bound, up: bound }
}

/// 1/√n; 1 for a layer without inputs, which has no weights to draw.
fn one_over_root(n: usize) -> f64 {
    1.0 / (n.max(1) as f64).sqrt()
}

impl Display for Initializer {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::PytorchDefault => f.write_str("pytorch"),
            Self::Normal { std } => write!(f, "normal:{std}"),
            Self::NormalZeroBias { std } => write!(f, "normal:{std},zero-bias"),
            Self::NormalBias { std } => write!(f, "normal:{std},normal-bias"),
            Self::Xavier => f.write_str("xavier"),
            Self::Kaiming => f.write_str("kaiming"),
            Self::FanOut => f.write_str("fan-out"),
            Self::Zeros => f.write_str("zeros"),
        }
    }
}

impl FromStr for Initializer {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "pytorch" => return Ok(Self::PytorchDefault),
            "xavier" => return Ok(Self::Xavier),
            "kaiming" => return Ok(Self::Kaiming),
            "fan-out" => return Ok(Self::FanOut),
            "zeros" => return Ok(Self::Zeros),
            _ => {}
        }
        let Some(std) = text.strip_prefix("normal:") else {
            bail!(
                "{text}: no such rule for initial values; wanted pytorch, normal:STD, normal:STD,zero-bias, \
                 normal:STD,normal-bias, xavier, kaiming, fan-out or zeros"
            );
        };
        let (std, bias) = match std.split_once(',') {
            Some((std, bias)) => (std, Some(bias)),
            None => (std, None),
        };
        match std.parse::<f64>() {
            Ok(std) if std.is_finite() && std >= 0.0 => match bias {
                None => Ok(Self::Normal { std }),
                Some("zero-bias") => Ok(Self::NormalZeroBias { std }),
                Some("normal-bias") => Ok(Self::NormalBias { std }),
                Some(other) => {
                    bail!("{text}: found {other:?} for the bias, wanted zero-bias or normal-bias")
                }
            },
            _ => bail!(
                "{text}: found the standard deviation {std}, wanted a number of 0 or more as in normal:0.01"
            ),
        }
    }
}

impl TryFrom<String> for Initializer {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Initializer> for String {
    fn from(initializer: Initializer) -> Self {
        initializer.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_notation_is_read_back() -> Result<()> {
        for text in [
            "pytorch",
            "normal:0.01",
            "normal:0.01,zero-bias",
            "normal:0.01,normal-bias",
            "xavier",
            "kaiming",
            "fan-out",
            "zeros",
        ] {
            let initializer: Initializer = text.parse()?;
            assert_eq!(initializer.to_string(), text);
            let json = serde_json::to_string(&initializer)?;
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<Initializer>(&json)?, initializer);
        }
        Ok(())
    }

    #[test]
    fn other_notations_are_refused() {
        for text in [
            "",
            "gaussian",
            "normal",
            "normal:",
            "normal:x",
            "normal:-1",
            "normal:inf",
            "normal:0.1,bias",
            "normal:0.1,",
        ] {
            assert!(text.parse::<Initializer>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_layer_without_inputs_has_finite_limits() {
        for rule in [
            Initializer::PytorchDefault,
            Initializer::Xavier,
            Initializer::Kaiming,
            Initializer::FanOut,
        ] {
            for init in [rule.weight(0, 0), rule.bias(0)] {
                match init {
                    Init::Uniform { lo, up } => assert!((up - lo).is_finite()),
                    Init::Randn { stdev, .. } => assert!(stdev.is_finite()),
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}
