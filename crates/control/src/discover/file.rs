//! Servers of a file, read again when it changes.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use config::Server;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::Followed;

/// How often the file is looked at. Looking works on every file system, through links and mounts,
/// where being told of changes does not.
const LOOK: Duration = Duration::from_secs(1);

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
    inode: (u64, u64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        let modified = metadata.modified().ok();
        Self { modified, bytes: metadata.len(), inode: (metadata.dev(), metadata.ino()) }
    }
}

/// What a look has shown.
type Look = (Option<Stamp>, Result<Vec<Server>, String>);

/// Looks at the file again and again.
pub(super) async fn follow(mut followed: Followed, path: PathBuf) {
    let mut seen = None;
    loop {
        let (path, before) = (path.clone(), seen);
        // A file system that hangs must not hold up the control thread.
        if let Ok(Some((stamp, outcome))) = spawn_blocking(move || look(&path, before)).await {
            seen = stamp;
            followed.note(outcome);
        }
        sleep(LOOK).await;
    }
}

/// Reads the file, if it is not as it was.
fn look(path: &Path, seen: Option<Stamp>) -> Option<Look> {
    let stamp = match std::fs::metadata(path) {
        Ok(metadata) => Stamp::of(&metadata),
        Err(error) => return Some((None, Err(error.to_string()))),
    };
    if Some(stamp) == seen {
        return None;
    }
    let read = config::load_server_file(path).map_err(|report| report.to_string());
    // What is being written is read again at the next look.
    let after = std::fs::metadata(path).ok().map(|metadata| Stamp::of(&metadata));
    if after != Some(stamp) {
        return None;
    }
    Some((Some(stamp), read))
}
