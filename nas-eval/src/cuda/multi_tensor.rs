//! What an optimizer does, for many tensors in one launch.
//!
//! A network has hundreds of small parameters: a launch for each operation on each of them takes
//! longer than the arithmetic. Here a launch gets the addresses of up to [`TENSORS`] tensors of
//! each kind.

use candle_core::{DType, Result, Tensor, bail};

use super::launch::{BLOCK, Params};

/// How many tensors of each kind one launch takes, as in the source of the kernels.
pub(super) const TENSORS: usize = 48;

/// How many kinds of tensors: parameters, gradients and what the optimizer remembers.
pub(super) const KINDS: usize = 4;

/// Elements that one block takes, as in the source of the kernels.
const ELEMENTS: usize = 16 * BLOCK;

/// The tensors of one launch, as the source of the kernels declares them.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct Table {
    /// Addresses, by kind.
    pub(super) at: [[u64; TENSORS]; KINDS],
    /// Numbers of each tensor's own.
    reals: [[f64; TENSORS]; 3],
    /// Elements.
    length: [i32; TENSORS],
    /// The block that begins with it; blocks in all at the end.
    first_block: [i32; TENSORS + 1],
}

impl Table {
    /// The same with the addresses of the rows' tensors.
    pub(super) fn with_addresses(
        mut self,
        rows: &[Row<'_>],
        mut address: impl FnMut(&Tensor) -> Result<u64>,
    ) -> Result<Self> {
        for (i, row) in rows.iter().enumerate() {
            for (addresses, tensor) in self.at.iter_mut().zip(&row.tensors) {
                addresses[i] = address(tensor)?;
            }
        }
        Ok(self)
    }

    /// Its bytes as they lie in memory, with the four that fill it up to a multiple of eight.
    #[cfg(test)]
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.at.iter().flatten().flat_map(|n| n.to_le_bytes()).collect();
        bytes.extend(self.reals.iter().flatten().flat_map(|r| r.to_le_bytes()));
        bytes.extend(
            self.length
                .iter()
                .chain(&self.first_block)
                .flat_map(|n| n.to_le_bytes()),
        );
        bytes.resize(size_of::<Self>(), 0);
        bytes
    }
}

/// The tensors of one parameter, all of one shape and type.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    /// Up to four: the parameter, its gradient, what the optimizer remembers.
    pub(crate) tensors: Vec<&'a Tensor>,
    /// Numbers of its own.
    pub(crate) reals: [f64; 3],
}

/// One call of a kernel on many tensors. It overwrites some of them, or writes numbers of its own,
/// or both.
#[derive(Debug)]
pub(super) struct Launch<'a> {
    /// Its name without the type's suffix.
    pub(super) kernel: &'static str,
    pub(super) params: Params,
    pub(super) rows: &'a [Row<'a>],
    pub(super) table: Table,
    pub(super) dtype: DType,
    /// A number that the device has.
    pub(super) scalar: Option<&'a Tensor>,
    /// Numbers that it writes besides.
    pub(super) output: usize,
}

impl Launch<'_> {
    /// Blocks of [`BLOCK`] threads.
    pub(super) fn blocks(&self) -> usize {
        self.table.first_block[TENSORS] as usize
    }

    fn run(&self) -> Result<Tensor> {
        #[cfg(feature = "cuda")]
        if self.rows.iter().any(|row| row.tensors[0].device().is_cuda()) {
            return super::device::run_many(self);
        }
        #[cfg(test)]
        return super::on_host::run_many(self);
        #[cfg(not(test))]
        bail!("{}: expected tensors on a CUDA device", self.kernel)
    }
}

/// Calls the kernel for all rows, as many at a time as fit, and gives what each call writes
/// besides.
fn for_all(
    kernel: &'static str,
    rows: &[Row<'_>],
    reals: [f64; 4],
    scalar: Option<&Tensor>,
    output: impl Fn(&Table) -> usize,
) -> Result<Vec<Tensor>> {
    let mut outputs = Vec::with_capacity(rows.len().div_ceil(TENSORS));
    let of_a_type = |dtype: DType| rows.first().is_some_and(|row| row.tensors[0].dtype() == dtype);
    let Some(dtype) = [DType::F32, DType::F64].into_iter().find(|&d| of_a_type(d)) else {
        bail!("{kernel}: f32 or f64 on CUDA")
    };
    let device = rows[0].tensors[0].device();
    for rows in rows.chunks(TENSORS) {
        let mut table = Table {
            at: [[0; TENSORS]; KINDS],
            reals: [[0.0; TENSORS]; 3],
            length: [0; TENSORS],
            first_block: [0; TENSORS + 1],
        };
        let mut blocks = 0;
        for (i, row) in rows.iter().enumerate() {
            let first = row.tensors[0];
            let alike = |t: &&Tensor| {
                t.shape() == first.shape()
                    && t.dtype() == dtype
                    && t.is_contiguous()
                    && t.device().same_device(device)
            };
            if row.tensors.len() > KINDS || !row.tensors.iter().all(alike) {
                bail!(
                    "{kernel}: expected dense tensors alike on one device, got {:?}",
                    row.tensors
                )
            }
            let Ok(length) = i32::try_from(first.elem_count()) else {
                bail!(
                    "{kernel}: a tensor of at most {} elements, got {:?}",
                    i32::MAX,
                    first.shape()
                )
            };
            for (reals, &real) in table.reals.iter_mut().zip(&row.reals) {
                reals[i] = real;
            }
            table.length[i] = length;
            table.first_block[i] = blocks;
            blocks += first.elem_count().div_ceil(ELEMENTS) as i32;
        }
        table.first_block[rows.len()..].fill(blocks);
        let launch = Launch {
            kernel,
            params: Params {
                r: reals,
                ..Params::default()
            },
            rows,
            output: output(&table),
            table,
            dtype,
            scalar,
        };
        outputs.push(launch.run()?);
    }
    Ok(outputs)
}

/// One step of SGD on (parameter, gradient, momentum) each, with its weight decay as the first of
/// the row's numbers.
pub(crate) fn sgd(rows: &[Row<'_>], learning_rate: f64, momentum: f64, nesterov: bool) -> Result<()> {
    let reals = [learning_rate, momentum, f64::from(u8::from(nesterov)), 0.0];
    for_all("sgd", rows, reals, None, |_| 0).map(drop)
}

/// One step of Adam on (parameter, gradient, first moment, second moment) each. The numbers of a
/// row: the rate and the root of the second moment's correction, which depend on the parameter's
/// own steps, and its weight decay.
pub(crate) fn adam(rows: &[Row<'_>], betas: [f64; 2], epsilon: f64, decoupled: bool) -> Result<()> {
    let reals = [betas[0], betas[1], epsilon, f64::from(u8::from(decoupled))];
    for_all("adam", rows, reals, None, |_| 0).map(drop)
}

/// The sum of the squares of all numbers of all tensors, on the device.
pub(crate) fn sum_of_squares(tensors: &[&Tensor]) -> Result<Tensor> {
    let parts = for_all("squares", &rows_of(tensors), [0.0; 4], None, |table| {
        table.first_block[TENSORS] as usize
    })?;
    Tensor::cat(&parts, 0)?.sum_all()
}

/// All tensors times a number that the device has: each a part of the memory that a launch writes,
/// which is not cleared before.
pub(crate) fn scaled(tensors: &[&Tensor], factor: &Tensor) -> Result<Vec<Tensor>> {
    let mut rows = rows_of(tensors);
    for of_launch in rows.chunks_mut(TENSORS) {
        let mut start = 0;
        for row in of_launch {
            row.reals[0] = start as f64;
            start += row.tensors[0].elem_count();
        }
    }
    let all = |table: &Table| table.length.iter().map(|&length| length as usize).sum();
    let outputs = for_all("scale", &rows, [0.0; 4], Some(factor), all)?;
    let of_launches = rows.chunks(TENSORS).zip(&outputs);
    let parts = of_launches.flat_map(|(rows, output)| rows.iter().map(move |row| (row, output)));
    parts
        .map(|(row, output)| {
            let (start, tensor) = (row.reals[0] as usize, row.tensors[0]);
            output
                .narrow(0, start, tensor.elem_count())?
                .reshape(tensor.shape())
        })
        .collect()
}

fn rows_of<'a>(tensors: &[&'a Tensor]) -> Vec<Row<'a>> {
    let row = |&tensor: &&'a Tensor| Row {
        tensors: vec![tensor],
        reals: [0.0; 3],
    };
    tensors.iter().map(row).collect()
}
