//! Folders and lists of images, as users have them.

mod cache;
mod folders;
mod identical;
mod images;
mod junk;
mod lists;
mod processes;
mod sizes;
