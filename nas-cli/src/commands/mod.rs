//! One file for each command.

pub(crate) mod compare;
pub(crate) mod completions;
pub(crate) mod data;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod guard;
pub(crate) mod list;
pub(crate) mod man;
mod network;
pub(crate) mod new;
mod page_file;
pub(crate) mod predict;
pub(crate) mod report;
pub(crate) mod resume;
pub(crate) mod schema;
pub(crate) mod score;
pub(crate) mod search;
pub(crate) mod serve;
pub(crate) mod show;
pub(crate) mod status;
pub(crate) mod table;
pub(crate) mod test;
pub(crate) mod train;
mod typed;
pub(crate) mod worker;
