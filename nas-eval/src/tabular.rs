//! The former place of `nas-tables`, until every user names the new one.

pub use crate::table_build as build;
pub use nas_tables::*;
