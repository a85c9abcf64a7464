//! The controller: a recurrent network that makes the decisions of a space one after the other.
//!
//! Each step of the LSTM makes one decision: what it puts out, times the weights of the
//! decision's *head*, are the scores of a softmax over the options. What was chosen is looked up in
//! the head's table of embeddings and is the next step's input; the first input is a vector of its
//! own. Decisions of one kind with equally many options share head and table, so that an
//! architecture's position is known to the LSTM's state alone.
//!
//! Scores z become τ-tempered and bounded, as in ENAS: c·tanh(z/T), with the tanh only where c is
//! above 0.
//!
//! Decisions of kind `skip` are made at anchor points: layer i has a step of its own, with the
//! state h_i, and reads the earlier layer j with the probability σ(vᵀ tanh(W_prev·h_j +
//! W_curr·h_i)), each independently of the others. The mean of the states of the layers that are
//! read, over one more than their number, is the next step's input.
//!
//! With [`Form::Attention`] it is the controller of the authors' code of ENAS. Each input of a cell
//! has a step with the first input, and stands for a zero vector; each node ends with a step whose
//! state stands for it. A node's input is chosen with the scores vᵀ tanh(W₁·h_j + W₂·h) of the
//! states j so far, where h_j is the state of the step that j has or ended with, and what stands
//! for it is the next step's input. A skip connection has the two scores −z and z, and so the
//! probability σ(2z), where z are the bounded scores as above; the penalty on skip connections is
//! on σ(z). The LSTM has no biases.
//!
//! Log-probabilities are exact. The entropy of an architecture is the sum of the entropies of all
//! distributions that its decisions were drawn from, each of which is exact; its mean over
//! architectures is the entropy of the controller.
//!
//! # Deviations
//! Zoph & Le say neither what follows an anchor point nor whether decisions share weights; the
//! former is what ENAS does (with a zero for the layer without earlier ones, that is the first
//! input again), the latter is by kind.
//!
//! With [`Form::Attention`], the entropy of skip connections and of operations of whole networks is
//! exact, where the authors' code for those has −p·ln p of what was drawn.
//!
//! # Example
//! ```
//! use nas_rl::controller::{Controller, ControllerConfig};
//! use nas_space::seed::Seed;
//! use nas_space::spaces::{Space, nb201};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let space = nb201();
//! let controller = Controller::new(&space, ControllerConfig::default(), Seed::new(1))?;
//! let drawn = controller.sample(&mut Seed::new(2).rng())?;
//! space.validate(&drawn.architecture)?;
//! assert!((controller.log_prob(&drawn.architecture)? - drawn.log_prob).abs() < 1e-9);
//! # Ok(())
//! # }
//! ```
//!
//! # References
//! - B. Zoph, Q. V. Le. Neural Architecture Search with Reinforcement Learning. ICLR 2017, arXiv
//!   1611.01578, sections 3.1 and 3.3.
//! - H. Pham, M. Y. Guan, B. Zoph, Q. V. Le, J. Dean. Efficient Neural Architecture Search via
//!   Parameter Sharing. ICML 2018, arXiv 1802.03268.

mod config;
mod distribution;
mod mask;
mod policy;
mod steps;

pub use config::{ControllerConfig, Form, Skips};
pub use mask::Mask;
pub use policy::{Controller, Drawn, Scores};
