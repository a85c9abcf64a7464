mod continuing;
mod crash;
mod failures;
mod looping;
mod resume;
