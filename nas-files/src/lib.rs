//! File operations that all crates share.
//!
//! ```
//! # fn main() -> std::io::Result<()> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("best.json");
//! nas_files::replace(&path, b"{}")?; // Completely or not at all.
//! assert_eq!(nas_files::read_text(&path, 1 << 20)?, "{}"); // At most a megabyte.
//! # Ok(())
//! # }
//! ```
//!
//! - [`replace`] writes a file completely or not at all.
//! - [`open_own`] and [`open_or_create_own`] open a file that this program made itself. Whoever
//!   can write to a directory can put a link, a pipe or a device in a file's place; these
//!   functions refuse all three and change nothing.
//! - [`check_own_file`] and [`check_own_folder`] ask the same without opening anything.
//! - [`lock_folder`] keeps a second process out of a folder.
//! - [`read_text`] and [`read_bytes`] read a file up to a bound, so that a wrong file costs an
//!   error and not the machine's memory.
//! - [`read_unpacked`] does the same for files that may be gzipped.
//! - [`Mapped`] are the bytes of a file that is too large to be read whole.
//! - [`fingerprint`] writes digests as text.
//!
//! The crate depends on no other crate of the workspace.

mod bounded;
mod folder_lock;
mod mapped;
mod own;
mod replace;
mod unpacked;

pub mod fingerprint;

pub use bounded::{read_bytes, read_text};
pub use folder_lock::{FolderLock, lock_folder};
pub use mapped::Mapped;
pub use own::{check_own_file, check_own_folder, check_own_tree, open_or_create_own, open_own};
pub use replace::{remove_stale_temporaries, replace, sync_directory_of, target_of_temporary};
pub use unpacked::{FileError, read_unpacked};
