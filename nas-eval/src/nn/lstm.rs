//! A recurrent network with long short-term memory.

use candle_core::{Result, Tensor, Var};
use candle_nn::ops::sigmoid;

use super::product::times_transposed;
use super::{Init, Parameters};
use crate::error::EvalError;

/// Layers of LSTM (Hochreiter & Schmidhuber 1997), as PyTorch's `LSTM` has them: per layer `k` the
/// parameters `NAME.weight_ih_lk` \[4·hidden, inputs\], `NAME.weight_hh_lk` \[4·hidden, hidden\],
/// `NAME.bias_ih_lk` and `NAME.bias_hh_lk` \[4·hidden\], whose rows are those of the gates i, f, g,
/// o.
///
/// i, f, o = σ(W·x + R·h + b), g = tanh(W·x + R·h + b); c ← f∘c + i∘g; h ← o∘tanh(c). What a layer
/// puts out is what the next one reads.
#[derive(Debug, Clone)]
pub struct Lstm {
    layers: Vec<LstmLayer>,
    size: LstmSize,
}

/// The numbers that an [`Lstm`] is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LstmSize {
    /// Width of the input.
    pub inputs: usize,
    /// Width of each layer's state.
    pub hidden: usize,
    /// Layers, at least 1.
    pub layers: usize,
}

#[derive(Debug, Clone)]
struct LstmLayer {
    input_weight: Var,
    hidden_weight: Var,
    /// Of the input and of the state; none in a network without.
    biases: Option<(Var, Var)>,
}

/// What an [`Lstm`] remembers: h and c of each layer, \[batch, hidden\].
#[derive(Debug, Clone)]
pub struct LstmState {
    layers: Vec<(Tensor, Tensor)>,
}

impl Lstm {
    /// Layers of this size, whose parameters are created. PyTorch starts them from U(±1/√hidden):
    /// [`Init::KaimingUniform`] with `fan_in` = hidden.
    ///
    /// # Errors
    /// [`EvalError::Config`] where there are no layers; otherwise as [`Parameters::create`].
    pub fn new(
        parameters: &mut Parameters,
        name: &str,
        size: LstmSize,
        init: Init,
    ) -> std::result::Result<Self, EvalError> {
        Self::make(parameters, name, size, init, true)
    }

    /// The same without biases, as PyTorch's `LSTM(bias=False)`.
    ///
    /// # Errors
    /// As [`Lstm::new`].
    pub fn without_bias(
        parameters: &mut Parameters,
        name: &str,
        size: LstmSize,
        init: Init,
    ) -> std::result::Result<Self, EvalError> {
        Self::make(parameters, name, size, init, false)
    }

    fn make(
        parameters: &mut Parameters,
        name: &str,
        size: LstmSize,
        init: Init,
        biased: bool,
    ) -> std::result::Result<Self, EvalError> {
        if size.layers == 0 {
            return Err(EvalError::config("layers of an LSTM", 0, "at least 1"));
        }
        let gates = 4 * size.hidden;
        let mut layers = Vec::with_capacity(size.layers);
        for k in 0..size.layers {
            let inputs = if k == 0 { size.inputs } else { size.hidden };
            let mut create = |what: &str, shape: &[usize]| {
                parameters.create(&format!("{name}.{what}_l{k}"), shape, init, true)
            };
            layers.push(LstmLayer {
                input_weight: create("weight_ih", &[gates, inputs])?,
                hidden_weight: create("weight_hh", &[gates, size.hidden])?,
                biases: if biased {
                    Some((create("bias_ih", &[gates])?, create("bias_hh", &[gates])?))
                } else {
                    None
                },
            });
        }
        Ok(Self { layers, size })
    }

    /// The initial state of `batch` sequences: zeros.
    ///
    /// # Errors
    /// A Candle error where the device has no memory for it.
    pub fn start(&self, batch: usize) -> Result<LstmState> {
        let zeros = |layer: &LstmLayer| {
            let like = &layer.input_weight;
            Tensor::zeros((batch, self.size.hidden), like.dtype(), like.device())
        };
        let layer = |layer| Ok((zeros(layer)?, zeros(layer)?));
        Ok(LstmState {
            layers: self.layers.iter().map(layer).collect::<Result<_>>()?,
        })
    }

    /// The state after one more input.
    ///
    /// # Shapes
    /// `x` is \[batch, inputs\].
    ///
    /// # Errors
    /// A Candle error where the shapes do not fit.
    pub fn step(&self, x: &Tensor, state: &LstmState) -> Result<LstmState> {
        let mut layers = Vec::with_capacity(self.layers.len());
        let mut x = x.clone();
        for (layer, (h, c)) in self.layers.iter().zip(&state.layers) {
            let (h, c) = layer.step(&x, h, c, self.size.hidden)?;
            x = h.clone();
            layers.push((h, c));
        }
        Ok(LstmState { layers })
    }
}

impl LstmLayer {
    fn step(&self, x: &Tensor, h: &Tensor, c: &Tensor, hidden: usize) -> Result<(Tensor, Tensor)> {
        let mut of_input = times_transposed(x, &self.input_weight)?;
        let mut of_state = times_transposed(h, &self.hidden_weight)?;
        if let Some((input_bias, hidden_bias)) = &self.biases {
            of_input = of_input.broadcast_add(input_bias)?;
            of_state = of_state.broadcast_add(hidden_bias)?;
        }
        let gates = (of_input + of_state)?;
        let gate = |k: usize| gates.narrow(1, k * hidden, hidden);
        let (i, f) = (sigmoid(&gate(0)?)?, sigmoid(&gate(1)?)?);
        let (g, o) = (gate(2)?.tanh()?, sigmoid(&gate(3)?)?);
        let c = ((f * c)? + (i * g)?)?;
        let h = (o * c.tanh()?)?;
        Ok((h, c))
    }
}

impl LstmState {
    /// What the last layer puts out, \[batch, hidden\].
    pub fn output(&self) -> &Tensor {
        // There is at least one layer.
        &self.layers[self.layers.len() - 1].0
    }

    /// The states of these sequences, each as often as it is named.
    ///
    /// # Shapes
    /// `numbers` is \[batch\], of type `u32`; what is returned is of that many sequences.
    ///
    /// # Errors
    /// A Candle error where a number is not below the number of sequences.
    pub fn rows(&self, numbers: &Tensor) -> Result<Self> {
        let rows = |(h, c): &(Tensor, Tensor)| Ok((h.index_select(numbers, 0)?, c.index_select(numbers, 0)?));
        Ok(Self {
            layers: self.layers.iter().map(rows).collect::<Result<_>>()?,
        })
    }

    /// h and c of each layer, from the first to the last.
    pub fn layers(&self) -> &[(Tensor, Tensor)] {
        &self.layers
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use nas_space::seed::Seed;

    use super::*;
    use crate::compute::Compute;
    use crate::nn::Gradients;
    use crate::ops::gradient_check::{assert_values, random, values};

    const SIZE: LstmSize = LstmSize {
        inputs: 3,
        hidden: 2,
        layers: 2,
    };

    fn lstm(dtype: DType) -> (Parameters, Lstm) {
        let mut parameters = Parameters::new(Seed::new(0), &Compute::cpu().with_dtype(dtype));
        let lstm = Lstm::new(&mut parameters, "lstm", SIZE, Init::Uniform { bound: 0.1 }).unwrap();
        // sin(0), sin(1), … over all parameters in the order of PyTorch's.
        let mut next = 0;
        for (_, parameter) in parameters.iter() {
            let count = parameter.var.elem_count();
            let numbers: Vec<f64> = (next..next + count).map(|i| (i as f64).sin()).collect();
            next += count;
            let tensor = Tensor::from_vec(numbers, parameter.var.shape(), &Device::Cpu).unwrap();
            parameter.var.set(&tensor.to_dtype(dtype).unwrap()).unwrap();
        }
        (parameters, lstm)
    }

    /// Two steps of two sequences of cos(0), cos(1), …
    fn two_steps(lstm: &Lstm, dtype: DType) -> LstmState {
        let mut state = lstm.start(2).unwrap();
        for step in 0..2 {
            let x: Vec<f64> = (0..6).map(|i| f64::from(6 * step + i).cos()).collect();
            let x = Tensor::from_vec(x, (2, 3), &Device::Cpu)
                .unwrap()
                .to_dtype(dtype)
                .unwrap();
            state = lstm.step(&x, &state).unwrap();
        }
        state
    }

    fn both(state: &LstmState) -> (Tensor, Tensor) {
        let stack = |parts: Vec<Tensor>| Tensor::stack(&parts, 0).unwrap();
        (
            stack(state.layers().iter().map(|(h, _)| h.clone()).collect()),
            stack(state.layers().iter().map(|(_, c)| c.clone()).collect()),
        )
    }

    /// The numbers are those of the equations that PyTorch documents for its `LSTM`, with its order
    /// of gates and parameters:
    /// ```python
    /// import numpy as np
    /// sigmoid = lambda v: 1 / (1 + np.exp(-v))
    /// n, shapes, P = 0, [(8, 3), (8, 2), (8,), (8,), (8, 2), (8, 2), (8,), (8,)], []
    /// for s in shapes: P.append(np.sin(np.arange(n, n + np.prod(s))).reshape(s)); n += np.prod(s)
    /// x = np.cos(np.arange(12.0)).reshape(2, 2, 3)
    /// h, c = np.zeros((2, 2, 2)), np.zeros((2, 2, 2))
    /// for t in range(2):
    ///     y = x[t]
    ///     for l in range(2):
    ///         wi, wh, bi, bh = P[4 * l:4 * l + 4]
    ///         i, f, g, o = np.split(y @ wi.T + bi + h[l] @ wh.T + bh, 4, axis=1)
    ///         c[l] = sigmoid(f) * c[l] + sigmoid(i) * np.tanh(g)
    ///         h[l] = y = sigmoid(o) * np.tanh(c[l])
    /// print(h.round(12).flatten().tolist(), c.round(12).flatten().tolist())
    /// ```
    #[test]
    #[rustfmt::skip]
    fn two_steps_of_two_layers_end_where_the_equations_end() {
        let expected_h = [
            0.153971821932, 0.178528156645, 0.195642194676, 0.062244056262,
            -0.294397174136, -0.608309803947, -0.325155063115, -0.55943627422,
        ];
        let expected_c = [
            0.44550386577, 0.336670105719, 0.31134275523, 0.366804397271,
            -0.541388470626, -0.820635672674, -0.609759968723, -0.743615170615,
        ];
        for (dtype, tolerance) in [(DType::F64, 1e-11), (DType::F32, 1e-6)] {
            let (_, lstm) = lstm(dtype);
            let state = two_steps(&lstm, dtype);
            let (h, c) = both(&state);
            assert_values(&h, &expected_h, tolerance, "h");
            assert_values(&c, &expected_c, tolerance, "c");
            assert_values(state.output(), &expected_h[4..], tolerance, "output");
        }
    }

    #[test]
    fn the_gradients_of_all_parameters_are_differences() {
        const STEP: f64 = 1e-5;
        let (parameters, lstm) = lstm(DType::F64);
        let loss = || {
            let (h, c) = both(&two_steps(&lstm, DType::F64));
            let up = random(h.shape(), DType::F64, 99);
            let weighted = ((h * &up).unwrap() + (c * up.sqr().unwrap()).unwrap()).unwrap();
            weighted.sum_all().unwrap()
        };
        let gradients = Gradients::of(&loss(), &parameters).unwrap();
        assert_eq!(gradients.iter().len(), 8);
        for (name, parameter) in parameters.iter() {
            let original = parameter.var.copy().unwrap();
            let differences: Vec<f64> = (0..original.elem_count())
                .map(|i| {
                    let at = |step: f64| {
                        let mut moved = values(&original);
                        moved[i] += step;
                        let moved = Tensor::from_vec(moved, original.shape(), &Device::Cpu).unwrap();
                        parameter.var.set(&moved).unwrap();
                        values(&loss())[0]
                    };
                    (at(STEP) - at(-STEP)) / (2.0 * STEP)
                })
                .collect();
            parameter.var.set(&original).unwrap();
            assert_values(gradients.get(name).unwrap(), &differences, 1e-8, name);
        }
    }

    #[test]
    fn parameters_go_by_the_names_and_shapes_of_pytorch() {
        let (parameters, _) = lstm(DType::F32);
        let got: Vec<(&str, &[usize])> = parameters.iter().map(|(name, p)| (name, p.var.dims())).collect();
        let expected: [(&str, &[usize]); 8] = [
            ("lstm.weight_ih_l0", &[8, 3]),
            ("lstm.weight_hh_l0", &[8, 2]),
            ("lstm.bias_ih_l0", &[8]),
            ("lstm.bias_hh_l0", &[8]),
            ("lstm.weight_ih_l1", &[8, 2]),
            ("lstm.weight_hh_l1", &[8, 2]),
            ("lstm.bias_ih_l1", &[8]),
            ("lstm.bias_hh_l1", &[8]),
        ];
        assert_eq!(got, expected);
        let mut none = Parameters::new(Seed::new(0), &Compute::cpu());
        let size = LstmSize { layers: 0, ..SIZE };
        assert!(Lstm::new(&mut none, "lstm", size, Init::Zeros).is_err());
    }

    #[test]
    fn rows_of_a_state_are_those_of_the_sequences_named() {
        let (_, lstm) = lstm(DType::F64);
        let state = two_steps(&lstm, DType::F64);
        let numbers = Tensor::new(&[1_u32, 0, 1], &Device::Cpu).unwrap();
        let rows = state.rows(&numbers).unwrap();
        for ((h, c), (of_h, of_c)) in rows.layers().iter().zip(state.layers()) {
            for (rows, of) in [(h, of_h), (c, of_c)] {
                let of = values(of);
                let expected = [&of[2..4], &of[0..2], &of[2..4]].concat();
                assert_values(rows, &expected, 0.0, "rows");
            }
        }
    }
}
