//! Images of one's own: a folder, a list of files, or arrays, read once into pixels of one size, split and checked.

pub mod decode;
pub mod npz;
pub mod resize;
