//! Where a database may lie.

use std::path::Path;

use super::StoreError;

/// Refuses a place where SQLite's locks and its write-ahead log do not
/// hold: <https://sqlite.org/wal.html>, "WAL does not work over a network filesystem".
#[cfg(target_os = "linux")]
pub(super) fn check(database: &Path) -> Result<(), StoreError> {
    let folder = match database.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    // If this fails, opening the file will report the reason.
    let Ok(found) = rustix::fs::statfs(folder) else {
        return Ok(());
    };
    // The numbers have 32 bits, and their type differs between processors.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    match kind_of(found.f_type as u32) {
        Some(kind) => Err(StoreError::Network {
            path: database.to_owned(),
            kind,
        }),
        None => Ok(()),
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn check(_: &Path) -> Result<(), StoreError> {
    Ok(())
}

/// The name of a network file system, by its number in statfs(2).
#[cfg(target_os = "linux")]
fn kind_of(magic: u32) -> Option<&'static str> {
    match magic {
        0x0000_6969 => Some("NFS"),
        0x0000_517B => Some("SMB"),
        0xFE53_4D42 => Some("SMB 2"),
        0xFF53_4D42 => Some("CIFS"),
        0x5346_414F => Some("AFS"),
        0x7375_7245 => Some("Coda"),
        _ => None,
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn disks_of_this_machine_are_no_network() {
        // ext4, XFS, btrfs, tmpfs, overlayfs.
        for magic in [0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994, 0x794C_7630] {
            assert_eq!(kind_of(magic), None);
        }
        assert_eq!(kind_of(0x6969), Some("NFS"));
        let dir = tempfile::tempdir().unwrap();
        check(&dir.path().join("study.db")).unwrap();
        check(Path::new("study.db")).unwrap();
    }

    #[test]
    fn the_refusal_says_where_to_go() {
        let error = StoreError::Network {
            path: "/home/study.db".into(),
            kind: "NFS",
        };
        let text = error.to_string();
        assert!(
            text.contains("NFS") && text.contains("disk of this machine"),
            "{text}"
        );
    }
}
