//! A manifest as bytes, so that it is known after a restart since when the primary has what it has.
//!
//! Numbers are little-endian: how many directories and files there are and how many bytes names take (8 each); of
//! each directory the length of its name (4), the name, since when (8), the end of its files (4); of each file
//! size (8), time of modification (4), since when (4), the end of its name (4); then the names of files. Whoever
//! stores it adds a version and a checksum. What does not fit together is refused all the same.

use super::manifest::{Directory, File, MAX_DIRECTORIES, MAX_FILES, MAX_NAMES, Manifest};

/// Bytes are no manifest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("holds no manifest: its parts do not fit together")]
pub struct BadManifest;

impl Manifest {
    /// The manifest as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.names.len() + 20 * self.files.len());
        for n in [self.directories.len(), self.files.len(), self.names.len()] {
            bytes.extend((n as u64).to_le_bytes());
        }
        for directory in &self.directories {
            let length = u32::try_from(directory.name.len()).unwrap_or(u32::MAX);
            bytes.extend(length.to_le_bytes());
            bytes.extend(directory.name.as_bytes());
            bytes.extend(directory.since.to_le_bytes());
            bytes.extend(directory.end.to_le_bytes());
        }
        for file in &self.files {
            bytes.extend(file.size.to_le_bytes());
            for number in [file.modified, file.since, file.name_end] {
                bytes.extend(number.to_le_bytes());
            }
        }
        bytes.extend(&self.names);
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) has written.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadManifest> {
        let mut rest = Rest(bytes);
        let mut count = |most: usize| {
            let n = usize::try_from(rest.long()?).map_err(|_| BadManifest)?;
            if n <= most { Ok(n) } else { Err(BadManifest) }
        };
        let n_directories = count(MAX_DIRECTORIES)?;
        let n_files = count(MAX_FILES)?;
        let n_names = count(MAX_NAMES)?;
        // No more is allocated than the bytes can fill.
        let mut directories: Vec<Directory> =
            Vec::with_capacity(n_directories.min(bytes.len() / 16));
        for _ in 0..n_directories {
            let length = usize::try_from(rest.short()?).map_err(|_| BadManifest)?;
            let name = std::str::from_utf8(rest.take(length)?).map_err(|_| BadManifest)?;
            let name: Box<str> = name.into();
            let (since, end) = (rest.long()?, rest.short()?);
            let is_in_order = directories
                .last()
                .is_none_or(|last: &Directory| *last.name < *name && last.end <= end);
            if !is_in_order || end as usize > n_files {
                return Err(BadManifest);
            }
            directories.push(Directory { name, since, end });
        }
        if directories.last().map_or(0, |last| last.end as usize) != n_files {
            return Err(BadManifest);
        }
        let mut files: Vec<File> = Vec::with_capacity(n_files.min(bytes.len() / 20));
        for _ in 0..n_files {
            let size = rest.long()?;
            let (modified, since, name_end) = (rest.short()?, rest.short()?, rest.short()?);
            let is_in_order = files.last().is_none_or(|last: &File| last.name_end <= name_end);
            if !is_in_order || name_end as usize > n_names {
                return Err(BadManifest);
            }
            files.push(File { size, modified, since, name_end });
        }
        let names = rest.take(n_names)?.to_vec();
        match rest.0.is_empty() {
            true => Ok(Self { directories, files, names }),
            false => Err(BadManifest),
        }
    }
}

/// What is not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], BadManifest> {
        let (taken, rest) = self.0.split_at_checked(n).ok_or(BadManifest)?;
        self.0 = rest;
        Ok(taken)
    }

    fn long(&mut self) -> Result<u64, BadManifest> {
        let bytes = self.take(8)?.try_into().map_err(|_| BadManifest)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn short(&mut self) -> Result<u32, BadManifest> {
        let bytes = self.take(4)?.try_into().map_err(|_| BadManifest)?;
        Ok(u32::from_le_bytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::super::ManifestBuilder;
    use super::*;

    fn manifest() -> Manifest {
        let text = "\
drwxr-xr-x          4,096 2026/11/26 10:30:00 .
-rw-r--r--              7 2026/11/26 10:30:00 a
-rw-r--r--      1,234,567 2026/11/26 10:30:00 9/os/b c.rpm
-rw-r--r--              9 2026/11/26 10:30:00 9/os/\\#377
drwxr-xr-x          4,096 2026/11/26 10:30:00 empty
";
        let mut builder = ManifestBuilder::default();
        builder.read(text.as_bytes()).unwrap();
        builder.build(crate::listing::Since::Modified, 1_900_000_000)
    }

    #[test]
    fn what_is_written_is_read() {
        for manifest in [manifest(), Manifest::default()] {
            assert_eq!(Manifest::from_bytes(&manifest.to_bytes()), Ok(manifest));
        }
    }

    #[test]
    fn what_was_cut_or_changed_is_refused_or_another_manifest() {
        let bytes = manifest().to_bytes();
        for end in 0..bytes.len() {
            assert_eq!(Manifest::from_bytes(&bytes[..end]), Err(BadManifest), "{end}");
        }
        assert_eq!(Manifest::from_bytes(&[&bytes[..], b"x"].concat()), Err(BadManifest));
        // Whatever is read can be looked up in without a panic.
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x41;
            if let Ok(manifest) = Manifest::from_bytes(&changed) {
                let n_files: usize =
                    (0..manifest.n_directories()).map(|n| manifest.files_of(n).len()).sum();
                assert_eq!(n_files, manifest.n_files());
                (0..n_files).for_each(|file| _ = manifest.name(file));
            }
        }
    }
}
