//! The surface of the squared loss over two weights: a bowl, whose steepness decides which learning rates work.
//!
//! D2L zh 11.2 and 11.3, en 12.2 and 12.3. For ŷ = w₁x₁ + w₂x₂ the loss of all N examples is
//!
//! L(w) = (1/N) Σ ½ (ŷ − y)² = ½ wᵀHw − cᵀw + ½ k,  H = XᵀX/N,  c = Xᵀy/N,  k = yᵀy/N
//!
//! and its gradient is Hw − c. A step of gradient descent multiplies the distance from the minimum along each
//! eigenvector of H by 1 − ηλ, where λ is its eigenvalue. The distance grows if η > 2/λ, so the largest eigenvalue sets
//! the limit.

/// The loss over two weights.
#[derive(Clone, Copy, Debug)]
pub struct Bowl {
    h: [[f64; 2]; 2],
    c: [f64; 2],
    k: f64,
}

impl Bowl {
    /// The bowl of these features and targets.
    pub fn of(x: &[[f64; 2]], y: &[f64]) -> Self {
        let mut bowl = Self { h: [[0.0; 2]; 2], c: [0.0; 2], k: 0.0 };
        let share = 1.0 / y.len() as f64;
        for ([x1, x2], y) in x.iter().zip(y) {
            bowl.h[0][0] += share * x1 * x1;
            bowl.h[0][1] += share * x1 * x2;
            bowl.h[1][1] += share * x2 * x2;
            bowl.c[0] += share * x1 * y;
            bowl.c[1] += share * x2 * y;
            bowl.k += share * y * y;
        }
        bowl.h[1][0] = bowl.h[0][1];
        bowl
    }

    /// L(w).
    pub fn height(&self, w1: f64, w2: f64) -> f64 {
        let [[a, b], [_, d]] = self.h;
        let [c1, c2] = self.c;
        0.5 * (a * w1 * w1 + 2.0 * b * w1 * w2 + d * w2 * w2) - c1 * w1 - c2 * w2 + 0.5 * self.k
    }

    /// Where the gradient is zero. `None` if the two features are multiples of each other: then it is zero on a line.
    pub fn minimum(&self) -> Option<(f64, f64)> {
        let ([[a, b], [_, d]], [c1, c2]) = (self.h, self.c);
        let determinant = a * d - b * b;
        (determinant > 1e-12 * a * d).then(|| {
            let (w1, w2) = (d * c1 - b * c2, a * c2 - b * c1);
            (w1 / determinant, w2 / determinant)
        })
    }

    /// The largest learning rate that doesn't move away from the minimum: 2/λ for the largest eigenvalue λ of H.
    pub fn largest_rate(&self) -> f64 {
        let [[a, b], [_, d]] = self.h;
        let eigenvalue = (a + d) / 2.0 + ((a - d) / 2.0).hypot(b);
        2.0 / eigenvalue
    }

    /// The path of gradient descent, w ← w − η (Hw − c): the start and the point after each step.
    pub fn descend(&self, start: (f64, f64), rate: f64, steps: usize) -> Vec<(f64, f64)> {
        let ([[a, b], [_, d]], [c1, c2]) = (self.h, self.c);
        let mut path = vec![start];
        let (mut w1, mut w2) = start;
        for _ in 0..steps {
            let gradient = (a * w1 + b * w2 - c1, b * w1 + d * w2 - c2);
            (w1, w2) = (w1 - rate * gradient.0, w2 - rate * gradient.1);
            path.push((w1, w2));
        }
        path
    }
}
