//! How far reading is.

/// The progress of reading. It is reported from any thread, at most a few hundred times in each
/// stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// Images that are done.
    pub done: usize,
    /// Images in all; 0 where that is not known yet.
    pub total: usize,
}

/// What is being done. The order is that in which it is done; a data set that is in the cache needs
/// only the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The source's files are listed.
    Listing,
    /// Another process reads the same source; its result is waited for.
    Waiting,
    /// The sizes of the images are read, to choose one for all.
    Measuring,
    /// The images are read, decoded and resized.
    Reading,
    /// The pixels are written to the cache in their final order.
    Writing,
}
