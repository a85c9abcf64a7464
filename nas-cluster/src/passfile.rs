//! The file with the passwords of databases, as PostgreSQL's own programs read it:
//! <https://www.postgresql.org/docs/current/libpq-pgpass.html>.

use std::io::ErrorKind;
use std::path::Path;

use crate::error::ClusterError;

/// Most bytes of such a file.
const MOST: u64 = 1 << 20;

/// What a password belongs to.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database: String,
    pub(crate) user: String,
}

/// The password for this place, if the file has one. A file that is not there has none.
pub(crate) fn password(file: &Path, place: &Place) -> Result<Option<String>, ClusterError> {
    let refused = |reason: String| ClusterError::PasswordFile {
        path: file.to_owned(),
        reason,
    };
    let metadata = match std::fs::metadata(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|error| refused(error.to_string()))?,
    };
    if !metadata.is_file() || metadata.len() > MOST {
        return Err(refused(format!("expected a file of at most {MOST} bytes")));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(refused(
                "other users can read it; allow only yourself to, with chmod 600".to_owned(),
            ));
        }
    }
    let text = std::fs::read_to_string(file).map_err(|error| refused(error.to_string()))?;
    Ok(find(&text, place))
}

/// The password of the first line that fits.
fn find(text: &str, place: &Place) -> Option<String> {
    let port = place.port.to_string();
    let wanted = [&place.host, &port, &place.database, &place.user];
    text.lines().find_map(|line| {
        if line.starts_with('#') {
            return None;
        }
        let mut fields = fields(line);
        let password = (fields.len() == 5).then(|| fields.pop())??;
        let fits = fields
            .iter()
            .zip(wanted)
            .all(|(field, wanted)| field == "*" || field == wanted);
        fits.then_some(password)
    })
}

/// What colons separate. A backslash makes the next character an ordinary one.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match (character, fields.last_mut()) {
            (':', _) => fields.push(String::new()),
            ('\\', Some(field)) => field.extend(characters.next()),
            (other, Some(field)) => field.push(other),
            (_, None) => {}
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place {
            host: "db".to_owned(),
            port: 5432,
            database: "searches".to_owned(),
            user: "ada".to_owned(),
        }
    }

    #[test]
    fn the_first_line_that_fits_counts() {
        let text = "# db:5432:searches:ada:comment\nother:*:*:*:a\ndb:5433:*:*:b\n*:*:searches:ada:c\\:d\\\\\n*:*:*:*:e\n";
        assert_eq!(find(text, &place()).as_deref(), Some("c:d\\"));
        let somebody = Place {
            user: "eve".to_owned(),
            ..place()
        };
        assert_eq!(find(text, &somebody).as_deref(), Some("e"));
        assert_eq!(find("db:5432:searches:ada\n", &place()), None);
        assert_eq!(find("", &place()), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("passwords");
        assert_eq!(password(&file, &place()).unwrap(), None);
        std::fs::write(&file, "*:*:*:*:secret").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        let refused = password(&file, &place()).unwrap_err().to_string();
        assert!(
            refused.contains("chmod 600") && !refused.contains("secret"),
            "{refused}"
        );
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(password(&file, &place()).unwrap().as_deref(), Some("secret"));
    }
}
