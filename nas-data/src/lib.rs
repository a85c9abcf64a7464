//! Reads the user's own images (a folder, a list of files, or arrays) once into pixels of one size,
//! splits them and checks them.
//!
//! ```
//! use nas_data::{ReadOptions, read, split};
//! use nas_space::seed::Seed;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (folder, cache) = (tempfile::tempdir()?, tempfile::tempdir()?);
//! # let folder = folder.path();
//! # for (class, shade) in [("dark", 10), ("light", 200)] {
//! #     std::fs::create_dir(folder.join(class))?;
//! #     for image in 0..10 {
//! #         std::fs::write(folder.join(class).join(format!("{image}.pgm")), format!("P2 2 2 255 {shade} 0 0 {image}"))?;
//! #     }
//! # }
//! // A folder with a folder for each class.
//! let options = ReadOptions { cache: Some(cache.path().to_owned()), ..ReadOptions::default() };
//! let data = read(folder, &options, &|progress| println!("{:?}: {} of {}", progress.stage, progress.done, progress.total))?;
//! assert_eq!(data.classes, ["dark", "light"]);
//! assert_eq!(data.shape.to_string(), "1x8x8");
//! assert_eq!((data.train.len(), data.test.len()), (16, 4));
//! let (train, valid) = split(&data.train.labels, &data.train.groups, 0.25, Seed::new(1))?;
//! assert_eq!((train.len(), valid.len()), (12, 4));
//! # Ok(())
//! # }
//! ```
//!
//! [`read`] takes a path and gives [`OwnData`]: the pixels of every image at one size, its label,
//! its group, and a training, a test and perhaps a validation split. [`Findings`] report problems;
//! [`odd_ones`] are images that look unlike the others of their class. [`split`] draws a validation
//! split. The result is cached and opened from the cache the next time; [`cached`] lists the cache,
//! and [`forget`] removes entries.
//!
//! | source | what it looks like |
//! |---|---|
//! | a folder | a folder for each class, with images at any depth; or `train`, `val` and `test` with these in them. A `classes.txt` may give the order of the classes, one name a line |
//! | a list | CSV, TSV or blanks between: path, class, and perhaps split and group. Paths are relative to the list |
//! | arrays | `.npz` with `x` and `y`, or `x_train`, `y_train`, `x_test` and `y_test` |
//! | Parquet (feature `parquet`) | a file, or a folder of files `train-*`, `validation-*` and `test-*`, as Hugging Face has them: a column with the bytes of image files, one with labels |
//!
//! **Invariant:** neither the same image nor images of one group are on both sides of a drawn
//! split. Splits given by the source are kept.
//!
//! **Invariant:** nothing is written below a folder of images.
//!
//! **Invariant:** the same files, labels, splits, groups and settings give the same data and
//! fingerprint, whatever the order of folders, the locale, the number of threads, and the times of
//! files.

mod arrange;
mod cache;
mod data;
pub mod decode;
mod error;
mod findings;
mod identical;
pub mod npz;
pub mod odd;
mod options;
mod prepare;
mod progress;
mod read;
pub mod resize;
mod scan;
mod source;
mod split;
mod survey;
mod words;

pub use cache::{CachedData, Forget, Forgotten, cache_folder, cached, forget};
pub use data::{OwnData, Part, Pixels};
pub use error::DataError;
pub use findings::{ClassCount, Duplicates, Findings, Listed, MOST_EXAMPLES, Named, Origin, Skipped, Spread};
pub use npz::Layout;
pub use odd::{MOST_ODD, Odd, OddOnes, Why, odd_ones};
pub use options::{ImageSize, LARGEST_SIDE, ReadOptions};
pub use prepare::prepare;
pub use progress::{Progress, Stage};
pub use read::read;
pub use resize::Resize;
pub use source::files_below;
pub use split::split;
