//! The page of a single search: its settings, its result, its progress, its cost, and how to repeat
//! it.
//!
//! Everything is read from the run directory and drawn from its numbers. Nothing in it is written
//! or locked, so the page also works while a search runs. There is one file for each group of
//! sections.

mod costs;
mod decisions;
mod learning;
mod method;
mod origin;
mod progress_section;
mod result;
mod run;
mod subject;
mod tested;
mod trial;

pub use origin::date;
pub use run::Run;
pub use tested::Tested;
pub use trial::TrialDetail;

use anyhow::Result;
use nas_report::page::{Html, Page};

/// The page of this run as a document that needs nothing else.
///
/// # Errors
/// As [`build`].
pub fn page(run: &Run) -> Result<String> {
    Ok(build(run)?.render())
}

/// The page of this run.
///
/// # Errors
/// Where something in the run directory cannot be read.
pub fn build(run: &Run) -> Result<Page> {
    let lead = subject::lead(run);
    let method = method::section(run)?;
    let mut page = Page::new(subject::title(run), lead);
    let mut opening = Html::new();
    if let Some(state) = run.state() {
        opening.note(&state);
    }
    if let Some(one) = run.config.one_figure() {
        opening.note(one.sentence());
    }
    opening.append(&result::figures(run)?);
    page.opening(opening)
        .section("Result", result::section(run)?)
        .section("What was searched", subject::section(run)?)
        .section("Course of the search", progress_section::section(run)?)
        .section("Decisions", decisions::section(run)?)
        .section(method.title, method.html)
        .section(result::front_title(run), result::front(run)?)
        .section("Costs", costs::section(run)?)
        .section("Failures", costs::failures(run))
        .section("Environment", origin::environment(run))
        .section("How to repeat it", origin::repeat(run)?);
    Ok(page)
}
