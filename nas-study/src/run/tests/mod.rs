mod continuing;
mod crash;
mod failures;
mod looping;
mod resume;
mod simulated;
mod telling;
mod utilisation;
