//! The browser of this machine's desktop.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use crate::output::note;

/// The program that shows an address or a file in the user's browser.
const OPENER: &str = if cfg!(target_os = "macos") {
    "open"
} else if cfg!(windows) {
    "explorer"
} else {
    "xdg-open"
};

/// Shows this in the browser, and does not wait for it. Where there is none, it says so: the page
/// can be opened by hand.
pub(crate) fn open(address: impl AsRef<OsStr>) {
    let mut opener = Command::new(OPENER);
    opener
        .arg(address)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if let Err(error) = opener.spawn() {
        note(&format!(
            "note: --open: no browser can be opened by {OPENER} ({error}); open the page in one yourself"
        ));
    }
}
