//! A live page of all searches and comparisons below a folder: what `nas serve` shows.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use nas_serve::Server;
//! use nas_space::search::Stop;
//!
//! let server = Server::bind(Path::new("runs"), 0)?; // Any free port.
//! println!("{}", server.url());
//! server.run(&Stop::new())?; // Until another thread asks it to stop.
//! # Ok::<(), anyhow::Error>(())
//! ```
//!
//! Everything is read only: records are read as [`nas_runner::Status`] and [`nas_runner::report`]
//! read them, also while a search runs, and no file is written. Only browsers of this machine are
//! answered: the port is one of the loopback address, and a request has to name that host.
//!
//! Pages work without a script: tables are sorted, filtered and paged by links and forms. The one
//! script, which is part of each page, fetches the same parts and puts them in place, also when the
//! [server-sent events](https://html.spec.whatwg.org/multipage/server-sent-events.html) of
//! `/events` say that a run has changed.

mod app;
mod catalog;
mod clock;
mod compared;
mod comparison;
mod download;
mod events;
mod folder;
mod frame;
mod guard;
mod overlay;
mod reports;
mod run;
mod runs;
mod server;
mod trial;
mod trials;

pub use server::Server;
