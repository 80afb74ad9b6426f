//! The files of a store: `lock`, `identity` with the seed of the digests, `purges`, segments as
//! `NUMBER.segment`, and long bodies below `bodies`. Nothing else in the directory is touched.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::digest::Seed;
use super::error::DiskError;
use super::format::Fields;

const MAGIC: [u8; 8] = *b"weirdisk";
const VERSION: u32 = 1;
const SEGMENT: &str = "segment";
/// Folders of bodies, so that none of them grows long.
const FOLDERS: u64 = 256;

/// A directory that this store alone works in.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    pub(super) seed: Seed,
    /// The system gives the lock up with the file.
    _lock: File,
}

impl Directory {
    /// Takes the directory, which is created or emptied if it is none of this version.
    pub(super) fn open(path: &Path) -> Result<Self, DiskError> {
        fs::create_dir_all(path)?;
        let lock =
            File::options().create(true).truncate(false).write(true).open(path.join("lock"))?;
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(DiskError::InUse(path.to_owned())),
            Err(TryLockError::Error(cause)) => return Err(cause.into()),
            Ok(()) => {}
        }
        let mut directory = Self { path: path.to_owned(), seed: [0; 16], _lock: lock };
        match directory.read_seed()? {
            Some(seed) => directory.seed = seed,
            None => directory.renew()?,
        }
        Ok(directory)
    }

    /// Forgets all that is stored. The seed changes first: without it nothing old can be read,
    /// should the rest fail.
    pub(super) fn renew(&mut self) -> Result<(), DiskError> {
        rustix::rand::getrandom(&mut self.seed, rustix::rand::GetRandomFlags::empty())
            .map_err(io::Error::from)?;
        let mut identity = [MAGIC.as_slice(), &VERSION.to_le_bytes(), &self.seed].concat();
        identity.extend_from_slice(&crc32fast::hash(&identity).to_le_bytes());
        self.replace("identity", &identity)?;
        for number in self.segments()? {
            self.remove_segment(number)?;
        }
        for number in self.bodies()? {
            self.remove_body(number)?;
        }
        remove(&self.purges())
    }

    fn read_seed(&self) -> Result<Option<Seed>, DiskError> {
        let bytes = match fs::read(self.path.join("identity")) {
            Ok(bytes) => bytes,
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(cause.into()),
        };
        let Some((checked, sum)) = bytes.split_last_chunk::<4>() else { return Ok(None) };
        let mut fields = Fields(checked);
        let begins = fields.array() == Some(MAGIC) && fields.u32() == Some(VERSION);
        let seed = fields.array().filter(|_| fields.0.is_empty() && begins);
        Ok(seed.filter(|_| crc32fast::hash(checked) == u32::from_le_bytes(*sum)))
    }

    /// Writes a whole file so that a crash leaves the old one or the new one.
    pub(super) fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), DiskError> {
        let fresh = self.path.join("fresh");
        let mut file = File::create(&fresh)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&fresh, self.path.join(name))?;
        self.sync()
    }

    /// Makes names that were created, changed or removed last through a loss of power.
    pub(super) fn sync(&self) -> Result<(), DiskError> {
        Ok(File::open(&self.path)?.sync_all()?)
    }

    pub(super) fn purges(&self) -> PathBuf {
        self.path.join("purges")
    }

    fn segment(&self, number: u32) -> PathBuf {
        self.path.join(format!("{number:010}.{SEGMENT}"))
    }

    /// The numbers of all segments from the oldest.
    pub(super) fn segments(&self) -> Result<Vec<u32>, DiskError> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let path = PathBuf::from(entry?.file_name());
            let is_segment = path.extension().is_some_and(|extension| extension == SEGMENT);
            let stem = path.file_stem().filter(|_| is_segment).and_then(|stem| stem.to_str());
            numbers.extend(stem.and_then(|stem| stem.parse::<u32>().ok()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    pub(super) fn create_segment(&self, number: u32) -> io::Result<File> {
        File::options().read(true).write(true).create_new(true).open(self.segment(number))
    }

    pub(super) fn open_segment(&self, number: u32) -> io::Result<File> {
        File::options().read(true).write(true).open(self.segment(number))
    }

    pub(super) fn remove_segment(&self, number: u32) -> Result<(), DiskError> {
        remove(&self.segment(number))
    }

    fn body_folder(&self, number: u64) -> PathBuf {
        self.path.join(format!("bodies/{:02x}", number % FOLDERS))
    }

    fn body(&self, number: u64) -> PathBuf {
        self.body_folder(number).join(format!("{number:016x}"))
    }

    /// The numbers of all bodies that are files.
    pub(super) fn bodies(&self) -> Result<Vec<u64>, DiskError> {
        let mut numbers = Vec::new();
        for folder in 0..FOLDERS {
            let entries = match fs::read_dir(self.body_folder(folder)) {
                Err(cause) if cause.kind() == ErrorKind::NotFound => continue,
                entries => entries?,
            };
            for entry in entries {
                let name = entry?.file_name();
                let number = name.to_str().and_then(|name| u64::from_str_radix(name, 16).ok());
                numbers.extend(number);
            }
        }
        Ok(numbers)
    }

    pub(super) fn create_body(&self, number: u64) -> io::Result<File> {
        let create =
            || File::options().read(true).write(true).create_new(true).open(self.body(number));
        match create() {
            Err(cause) if cause.kind() == ErrorKind::NotFound => {
                fs::create_dir_all(self.body_folder(number))?;
                create()
            }
            created => created,
        }
    }

    pub(super) fn open_body(&self, number: u64) -> io::Result<File> {
        File::open(self.body(number))
    }

    pub(super) fn remove_body(&self, number: u64) -> Result<(), DiskError> {
        remove(&self.body(number))
    }
}

/// Removes a file that may be gone already.
fn remove(path: &Path) -> Result<(), DiskError> {
    match fs::remove_file(path) {
        Err(cause) if cause.kind() != ErrorKind::NotFound => Err(cause.into()),
        _ => Ok(()),
    }
}
