//! The engine of a network, and its operations.

use std::sync::{Mutex, PoisonError};

use candle_core::{Result, Tensor, Var};
use nas_space::network::Network;

use super::arena::Arena;
use super::host::{for_float, host};
use super::observer::Observer;
use super::plan::{Fusion, Plan};
use super::run::Run;
use super::timing::Way;
use crate::error::EvalError;
use crate::kernels::{Float, Level, level};
use crate::nn::{Gradients, Parameters};
use crate::pass::{Differentiated, Logits, Loss, Pass, Wanted, Weights};

/// How many images are evaluated at a time where they do not depend on each other: few enough to
/// need little memory.
const EVALUATED_TOGETHER: usize = 64;

/// Computes what a network gives for batches of images, and the gradients, on the CPU.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(super) plan: Plan,
    /// The instruction set of the kernels.
    pub(super) level: Level,
    memory: Mutex<Memory>,
    /// Whether parameters never change: they are laid out once.
    fixed: bool,
}

#[derive(Debug)]
enum Memory {
    F32(Arena<f32>),
    F64(Arena<f64>),
}

/// A pass: of which network, with which parameters, for which images \[N, C, H, W\].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) network: &'a Network,
    pub(crate) parameters: &'a Parameters,
    pub(crate) images: &'a Tensor,
    pub(crate) pass: &'a Pass,
    pub(crate) weights: &'a Weights<'a>,
}

impl Engine {
    /// # Errors
    /// [`EvalError::UnsupportedLayer`].
    pub(crate) fn new(network: &Network) -> std::result::Result<Self, EvalError> {
        Ok(Self::of(Plan::new(network)?))
    }

    /// One whose [`Observer`] sees the output of every convolution: none are computed together.
    ///
    /// # Errors
    /// [`EvalError::UnsupportedLayer`].
    pub(crate) fn unfused(network: &Network) -> std::result::Result<Self, EvalError> {
        Ok(Self::of(Plan::with(network, Fusion::Off)?))
    }

    fn of(plan: Plan) -> Self {
        let memory = Mutex::new(Memory::F32(Arena::new(plan.steps.len())));
        let level = level();
        Self {
            plan,
            level,
            memory,
            fixed: false,
        }
    }

    /// One for evaluation alone, with parameters that never change.
    ///
    /// # Errors
    /// [`EvalError::UnsupportedLayer`].
    pub(crate) fn fixed(network: &Network) -> std::result::Result<Self, EvalError> {
        Ok(Self {
            fixed: true,
            ..Self::new(network)?
        })
    }

    /// The largest number of elements of maps and gradients that exist at the same time, for these
    /// batch sizes of training and evaluation.
    pub(crate) fn elements_of_places(&self, trained: usize, evaluated: usize) -> u64 {
        self.plan
            .elements_of_places(trained, evaluated.min(EVALUATED_TOGETHER))
    }

    /// Elements of all places that maps and gradients have taken.
    #[cfg(test)]
    pub(super) fn held_elements(&self) -> u64 {
        match &*self.memory.lock().unwrap_or_else(PoisonError::into_inner) {
            Memory::F32(arena) => arena.places.elements(),
            Memory::F64(arena) => arena.places.elements(),
        }
    }

    /// The number of elements of the weights and their gradients in the layout of the kernels, for
    /// this batch size of training.
    pub(crate) fn elements_of_weights(&self, trained: usize) -> u64 {
        self.plan.elements_of_weights(trained)
    }

    /// The number of elements in the working memory of one thread.
    pub(crate) fn elements_of_rooms(&self) -> u64 {
        self.plan.elements_of_rooms()
    }

    /// The class scores of a batch, without gradients.
    ///
    /// # Errors
    /// A Candle error where a weight of a mixture or a parameter is missing.
    pub(crate) fn forward(&self, request: &Request<'_>) -> Result<Logits> {
        let batch = request.images.dim(0)?;
        if *request.pass != Pass::Eval || batch <= EVALUATED_TOGETHER {
            return for_float!(request.images.dtype(), T => self.forward_typed::<T>(request, Threads::All, None));
        }
        let mut scores = Vec::new();
        for first in (0..batch).step_by(EVALUATED_TOGETHER) {
            let images = request
                .images
                .narrow(0, first, EVALUATED_TOGETHER.min(batch - first))?;
            let part = Request {
                images: &images,
                ..*request
            };
            scores.push(
                for_float!(images.dtype(), T => self.forward_typed::<T>(&part, Threads::All, None))?.main,
            );
        }
        Ok(Logits {
            main: Tensor::cat(&scores, 0)?,
            auxiliary: None,
        })
    }

    /// The same on the thread that calls it, for a few images.
    ///
    /// # Errors
    /// As [`Engine::forward`].
    pub(crate) fn forward_alone(&self, request: &Request<'_>) -> Result<Logits> {
        for_float!(request.images.dtype(), T => self.forward_typed::<T>(request, Threads::One, None))
    }

    /// The class scores of a batch, which is computed as a whole, without gradients; the `observer`
    /// sees the maps.
    ///
    /// # Errors
    /// As [`Engine::forward`].
    pub(crate) fn forward_observed(
        &self,
        request: &Request<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Logits> {
        for_float!(request.images.dtype(), T => {
            self.forward_typed::<T>(request, Threads::All, Some(observer))
        })
    }

    fn forward_typed<T: Kept>(
        &self,
        request: &Request<'_>,
        threads: Threads,
        observer: Option<&mut dyn Observer>,
    ) -> Result<Logits> {
        let images = request.images.contiguous()?;
        let images = host(&images);
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let arena = T::arena(&mut memory, self.plan.steps.len());
        let mut run = Run::new(&self.plan, self.level, request, images.slice::<T>()?, None)?;
        run.alone = threads == Threads::One;
        let prepared = std::mem::replace(&mut arena.prepared, self.fixed);
        if !prepared {
            run.prepare(arena, request, false)?;
        }
        match threads {
            Threads::One => run.forward(arena, request, observer)?,
            Threads::All => among_threads(|| run.forward(arena, request, observer))?,
        }
        self.logits(&run, arena)
    }

    /// The class scores, the loss that `loss` makes of them, and those of its gradients that are
    /// wanted. An `observer` sees the maps and their gradients.
    ///
    /// # Errors
    /// As [`Engine::forward`]; a Candle error where the loss has no gradient.
    pub(crate) fn differentiate(
        &self,
        request: &Request<'_>,
        wanted: Wanted,
        loss: Loss<'_>,
        observer: Option<&mut dyn Observer>,
    ) -> Result<Differentiated> {
        for_float!(request.images.dtype(), T => self.differentiate_typed::<T>(request, wanted, loss, observer))
    }

    fn differentiate_typed<T: Kept>(
        &self,
        request: &Request<'_>,
        wanted: Wanted,
        loss: Loss<'_>,
        mut observer: Option<&mut dyn Observer>,
    ) -> Result<Differentiated> {
        let images = request.images.contiguous()?;
        let images = host(&images);
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let arena = T::arena(&mut memory, self.plan.steps.len());
        let mut run = Run::new(
            &self.plan,
            self.level,
            request,
            images.slice::<T>()?,
            Some(wanted),
        )?;
        run.clocks = observer.as_ref().and_then(|observer| observer.clocks());
        run.prepare(arena, request, true)?;
        among_threads(|| run.forward(arena, request, observer.as_deref_mut()))?;
        let Logits { main, auxiliary } = self.logits(&run, arena)?;
        let (main, auxiliary) = (
            Var::from_tensor(&main)?,
            auxiliary.as_ref().map(Var::from_tensor).transpose()?,
        );
        let logits = Logits {
            main: main.as_tensor().clone(),
            auxiliary: auxiliary.as_ref().map(|var| var.as_tensor().clone()),
        };
        let loss = loss(&logits)?;
        let store = loss.backward()?;
        for (step, scores) in [
            (Some(self.plan.logits), Some(main)),
            (self.plan.auxiliary, auxiliary),
        ] {
            let gradient = scores.and_then(|scores| store.get(scores.as_tensor()).cloned());
            if let (Some(index), Some(gradient)) = (step, gradient) {
                run.seed(arena, index, &gradient)?;
            }
        }
        let (named, mixture, images) =
            among_threads(|| run.backward(arena, request, observer.as_deref_mut()))?;
        if let (Some(observer), Some(_)) = (observer, &run.clocks) {
            for step in 0..self.plan.steps.len() {
                observer.work(Way::Forward, step, run.forward_work(step));
                observer.work(Way::Backward, step, run.backward_work(step));
            }
        }
        Ok(Differentiated {
            logits,
            loss,
            gradients: Gradients::from_named(named, request.parameters),
            mixture,
            images,
        })
    }

    fn logits<T: Float>(&self, run: &Run<'_, T>, arena: &Arena<T>) -> Result<Logits> {
        let auxiliary = self.plan.auxiliary.filter(|&index| run.needed[index]);
        Ok(Logits {
            main: run.scores(arena, self.plan.logits)?,
            auxiliary: auxiliary.map(|index| run.scores(arena, index)).transpose()?,
        })
    }
}

/// Who computes a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Threads {
    /// All threads of the pool.
    All,
    /// The one that asks for it.
    One,
}

/// Calls `f` on a thread of the pool. The many small tasks that it spawns then run on threads that
/// are awake. From any other thread, each task would wake threads, and the caller would sleep until
/// it is done.
fn among_threads<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| f())
}

/// The arena of an element type.
trait Kept: Float {
    fn arena(memory: &mut Memory, steps: usize) -> &mut Arena<Self>;
}

impl Kept for f32 {
    fn arena(memory: &mut Memory, steps: usize) -> &mut Arena<Self> {
        if !matches!(memory, Memory::F32(_)) {
            *memory = Memory::F32(Arena::new(steps));
        }
        match memory {
            Memory::F32(arena) => arena,
            Memory::F64(_) => unreachable!("it has just been replaced"),
        }
    }
}

impl Kept for f64 {
    fn arena(memory: &mut Memory, steps: usize) -> &mut Arena<Self> {
        if !matches!(memory, Memory::F64(_)) {
            *memory = Memory::F64(Arena::new(steps));
        }
        match memory {
            Memory::F64(arena) => arena,
            Memory::F32(_) => unreachable!("it has just been replaced"),
        }
    }
}
