//! Folders and lists of images, as users have them.
#![expect(
    clippy::unwrap_used,
    reason = "clippy.toml lets tests do so, but not the functions beside them"
)]

#[cfg(feature = "parquet")]
#[path = "../parquet_writer/mod.rs"]
mod parquet_writer;

mod arrays;
mod cache;
mod folders;
mod identical;
mod images;
mod junk;
mod lists;
mod odd;
mod parquet_files;
mod processes;
mod sizes;
mod stock;
