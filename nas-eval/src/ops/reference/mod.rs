//! The same functions as in [`ops`](super), made of stock Candle operations.
//!
//! They run on any device and in any floating-point type, and Candle's tape differentiates them. They are what the
//! fast paths are tested against, and what runs where there is no fast path. They are not fast.

mod add;
mod batch_norm;
mod conv;
mod pool;
mod relu;
mod weighted_sum;

pub use add::add_many;
pub use batch_norm::{batch_norm_eval, batch_norm_train};
pub use conv::conv2d;
pub use pool::{avg_pool2d, global_avg_pool, max_pool2d};
pub use relu::relu;
pub use weighted_sum::weighted_sum;
