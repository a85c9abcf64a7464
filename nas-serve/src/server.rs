//! The port, and what is answered there.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use nas_space::search::Stop;

use crate::app::{App, Problem};
use crate::catalog::Catalog;
use crate::guard::guard;
use crate::reports::Reports;
use crate::{compared, download, events, overlay, run, runs, trial};

/// How often a stop is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Threads that read files.
const READERS: usize = 16;

/// A page of all runs below a folder, behind a port of this machine.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    app: Arc<App>,
}

impl Server {
    /// Opens this port of 127.0.0.1 for the runs below this folder; 0 is any free port. Requests
    /// wait until [`Server::run`].
    ///
    /// # Errors
    /// Where the folder cannot be read or the port is in use.
    pub fn bind(folder: &Path, port: u16) -> Result<Self> {
        let root = folder
            .canonicalize()
            .with_context(|| format!("cannot read {}", folder.display()))?;
        if !root.is_dir() {
            bail!("{} is a file; expected a folder with runs", folder.display());
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .with_context(|| format!("cannot use port {port} of 127.0.0.1; another one: --port 0"))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let app = App {
            catalog: Catalog::new(root),
            reports: Reports::default(),
            port: address.port(),
        };
        Ok(Self {
            listener,
            address,
            app: Arc::new(app),
        })
    }

    /// What a browser of this machine opens.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Answers until it is asked to stop. It runs on this thread and a few more that read files.
    ///
    /// # Errors
    /// Where the system gives no threads, or the port is lost.
    pub fn run(self, stop: &Stop) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .max_blocking_threads(READERS)
            .build()?;
        let result = runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(self.listener)?;
            tokio::spawn(events::watch(Arc::clone(&self.app)));
            let serving = axum::serve(listener, routes(self.app)).into_future();
            tokio::select! {
                served = serving => served.map_err(anyhow::Error::from),
                () = requested(stop) => Ok(()),
            }
        });
        // Open connections have nothing to finish.
        runtime.shutdown_background();
        result
    }
}

/// Ends when a stop is requested.
async fn requested(stop: &Stop) {
    while !stop.is_requested() {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn routes(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(runs::page))
        .route("/events", get(events::events))
        .route("/overlay", get(overlay::page))
        .route("/comparisons/{id}", get(compared::page))
        .route("/runs/{id}", get(run::page))
        .route("/runs/{id}/trials.csv", get(download::csv))
        .route("/runs/{id}/trials.json", get(download::json))
        .route("/runs/{id}/genotype.json", get(trial::best_genotype))
        .route("/runs/{id}/trials/{number}", get(trial::page))
        .route("/runs/{id}/trials/{number}/genotype.json", get(trial::genotype))
        .route("/runs/{id}/trials/{number}/architecture.svg", get(trial::drawing))
        .fallback(|| async { Problem::NotFound("page") })
        .layer(from_fn_with_state(Arc::clone(&app), guard))
        .with_state(app)
}
