//! The protobuf `mirrorlist_cache.proto`: proto2, package `mirrormanager`.
//!
//! Messages are plain structs with `Default`, so a fixture is a literal with
//! `..Default::default()` and [`prost::Message::encode_to_vec`]. Repeated integers are unpacked,
//! as MirrorManager writes them. [`MirrorListWriter`] writes a file too large for memory.
//!
//! Field names are the schema's in snake case; the map messages are ordinary repeated messages,
//! so duplicate keys and any order of keys can be written.

use std::io::{self, Write};

use prost::Message;

/// The whole cache file.
#[derive(Clone, PartialEq, Message)]
pub struct MirrorList {
    /// When the data was made, in Unix seconds.
    #[prost(uint64, required, tag = "1")]
    pub time: u64,
    /// Prefix → country; overrides GeoIP.
    #[prost(message, repeated, tag = "2")]
    pub netblock_country_cache: Vec<StringStringMap>,
    /// Location name → hosts.
    #[prost(message, repeated, tag = "3")]
    pub location_cache: Vec<StringRepeatedIntMap>,
    /// URL id → base URL, without a closing slash.
    #[prost(message, repeated, tag = "4")]
    pub hc_url_cache: Vec<IntStringMap>,
    /// What is known of single files, by directory.
    #[prost(message, repeated, tag = "5")]
    pub file_details_cache: Vec<FileDetailsCacheDirectoryType>,
    /// Repository prefix → disabled.
    #[prost(message, repeated, tag = "6")]
    pub disabled_repository_cache: Vec<StringBoolMap>,
    /// Country → continent; overrides `country_continent.csv`.
    #[prost(message, repeated, tag = "7")]
    pub country_continent_redirect_cache: Vec<StringStringMap>,
    /// Repository prefix asked for → prefix answered.
    #[prost(message, repeated, tag = "8")]
    pub repository_redirect_cache: Vec<StringStringMap>,
    /// `prefix+arch` → directory.
    #[prost(message, repeated, tag = "9")]
    pub repo_arch_to_directory_name: Vec<StringStringMap>,
    /// Autonomous system number → hosts.
    #[prost(message, repeated, tag = "10")]
    pub host_asn_cache: Vec<IntRepeatedIntMap>,
    /// Host → connections it allows at once.
    #[prost(message, repeated, tag = "11")]
    pub host_max_connection_cache: Vec<IntIntMap>,
    /// Host → country.
    #[prost(message, repeated, tag = "12")]
    pub host_country_cache: Vec<IntStringMap>,
    /// Host → bandwidth in Mbit/s.
    #[prost(message, repeated, tag = "13")]
    pub host_bandwidth_cache: Vec<IntIntMap>,
    /// Host → the only countries it serves; a host without an entry serves all.
    #[prost(message, repeated, tag = "14")]
    pub host_country_allowed_cache: Vec<IntRepeatedStringMap>,
    /// Prefix or single address → hosts that prefer its clients.
    #[prost(message, repeated, tag = "15")]
    pub host_netblock_cache: Vec<StringRepeatedIntMap>,
    /// Which hosts carry which directory.
    #[prost(message, repeated, tag = "16")]
    pub mirror_list_cache: Vec<MirrorListCacheType>,
}

/// One directory and the hosts that carry it.
#[derive(Clone, PartialEq, Message)]
pub struct MirrorListCacheType {
    /// Path without slashes at its ends, such as `pub/fedora/linux/releases/40`.
    #[prost(string, required, tag = "1")]
    pub directory: String,
    /// Public hosts.
    #[prost(int64, repeated, packed = "false", tag = "2")]
    pub global: Vec<i64>,
    /// What follows a base URL to reach the directory.
    #[prost(string, optional, tag = "3")]
    pub subpath: Option<String>,
    /// Country → public hosts.
    #[prost(message, repeated, tag = "4")]
    pub by_country: Vec<StringRepeatedIntMap>,
    /// Country → hosts on Internet2; no longer used by anyone.
    #[prost(message, repeated, tag = "5")]
    pub by_country_internet2: Vec<StringRepeatedIntMap>,
    /// Host → URL ids; every host that carries the directory, private ones too.
    #[prost(message, repeated, tag = "6")]
    pub by_host_id: Vec<IntRepeatedIntMap>,
    /// Whether the order of the list matters; no longer used by anyone.
    #[prost(bool, optional, tag = "7")]
    pub ordered_mirror_list: Option<bool>,
}

/// The known files of one directory.
#[derive(Clone, PartialEq, Message)]
pub struct FileDetailsCacheDirectoryType {
    /// Path as in [`MirrorListCacheType::directory`].
    #[prost(string, required, tag = "1")]
    pub directory: String,
    /// Files by name.
    #[prost(message, repeated, tag = "2")]
    pub file_details_cache_files: Vec<FileDetailsCacheFilesType>,
}

/// The known versions of one file.
#[derive(Clone, PartialEq, Message)]
pub struct FileDetailsCacheFilesType {
    /// Name without a folder.
    #[prost(string, required, tag = "1")]
    pub filename: String,
    /// The current version first, then the alternates.
    #[prost(message, repeated, tag = "2")]
    pub file_details: Vec<FileDetailsType>,
}

/// One version of a file; digests are lower-case hexadecimal.
#[derive(Clone, PartialEq, Message)]
pub struct FileDetailsType {
    /// Modification time in Unix seconds; 0 means unknown.
    #[prost(uint64, required, tag = "1")]
    pub time_stamp: u64,
    /// Size in bytes; 0 means unknown.
    #[prost(uint64, required, tag = "2")]
    pub size: u64,
    /// SHA-1 digest, 40 digits.
    #[prost(string, optional, tag = "3")]
    pub sha1: Option<String>,
    /// MD5 digest, 32 digits.
    #[prost(string, optional, tag = "4")]
    pub md5: Option<String>,
    /// SHA-256 digest, 64 digits.
    #[prost(string, optional, tag = "5")]
    pub sha256: Option<String>,
    /// SHA-512 digest, 128 digits.
    #[prost(string, optional, tag = "6")]
    pub sha512: Option<String>,
}

/// Declares one map entry message and its constructor.
macro_rules! map_entry {
    ($name:ident, $doc:literal, $key:ty = $key_kind:ident, $value:ty = ($($value_kind:tt)*)) => {
        #[doc = $doc]
        #[derive(Clone, PartialEq, Message)]
        pub struct $name {
            /// The key; nothing keeps it from occurring twice.
            #[prost($key_kind, required, tag = "1")]
            pub key: $key,
            /// The value or values.
            #[prost($($value_kind)*, tag = "2")]
            pub value: $value,
        }

        impl $name {
            /// An entry of this key and value.
            pub fn new(key: impl Into<$key>, value: impl Into<$value>) -> Self {
                Self { key: key.into(), value: value.into() }
            }
        }
    };
}

map_entry!(StringStringMap, "String → string.", String = string, String = (string, required));
map_entry!(StringBoolMap, "String → bool.", String = string, bool = (bool, required));
map_entry!(IntStringMap, "Integer → string.", i64 = int64, String = (string, required));
map_entry!(IntIntMap, "Integer → integer.", i64 = int64, i64 = (int64, required));
map_entry!(
    StringRepeatedIntMap,
    "String → integers.",
    String = string,
    Vec<i64> = (int64, repeated, packed = "false")
);
map_entry!(
    IntRepeatedIntMap,
    "Integer → integers.",
    i64 = int64,
    Vec<i64> = (int64, repeated, packed = "false")
);
map_entry!(
    IntRepeatedStringMap,
    "Integer → strings.",
    i64 = int64,
    Vec<String> = (string, repeated)
);

/// Field number and wire type 2 of [`MirrorList::mirror_list_cache`].
const DIRECTORY_KEY: u64 = (16 << 3) | 2;

/// Writes a [`MirrorList`] whose directories do not fit in memory, one directory at a time.
///
/// The bytes are those that encoding the whole message at once would give.
#[derive(Debug)]
pub struct MirrorListWriter<W> {
    out: W,
    buffer: Vec<u8>,
    n_bytes: u64,
}

impl<W: Write> MirrorListWriter<W> {
    /// Writes everything in `head`; directories in it come before those written later.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn new(out: W, head: &MirrorList) -> io::Result<Self> {
        let mut writer = Self { out, buffer: head.encode_to_vec(), n_bytes: 0 };
        writer.flush_buffer()?;
        Ok(writer)
    }

    /// Appends one directory.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn directory(&mut self, directory: &MirrorListCacheType) -> io::Result<()> {
        prost::encoding::encode_varint(DIRECTORY_KEY, &mut self.buffer);
        directory
            .encode_length_delimited(&mut self.buffer)
            .expect("a Vec grows as needed, so encoding into it cannot run out of room");
        self.flush_buffer()
    }

    /// Bytes written so far.
    #[must_use]
    pub fn n_bytes(&self) -> u64 {
        self.n_bytes
    }

    /// Flushes and hands back the output.
    ///
    /// # Errors
    /// When the output cannot be flushed.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }

    fn flush_buffer(&mut self) -> io::Result<()> {
        self.out.write_all(&self.buffer)?;
        self.n_bytes += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(name: &str) -> MirrorListCacheType {
        MirrorListCacheType {
            directory: name.into(),
            global: vec![1, 300],
            subpath: Some("os".into()),
            by_country: vec![StringRepeatedIntMap::new("DE", [1])],
            by_host_id: vec![IntRepeatedIntMap::new(300, [7, 8])],
            ..Default::default()
        }
    }

    #[test]
    fn piecewise_writing_gives_the_bytes_of_the_whole_message() {
        let mut whole = MirrorList {
            time: 1_790_000_000,
            disabled_repository_cache: vec![StringBoolMap::new("fedora-7", true)],
            ..Default::default()
        };
        let mut writer = MirrorListWriter::new(Vec::new(), &whole).unwrap();
        for name in ["pub/a", "pub/b"] {
            writer.directory(&directory(name)).unwrap();
            whole.mirror_list_cache.push(directory(name));
        }
        let n_bytes = writer.n_bytes();
        let bytes = writer.finish().unwrap();
        assert_eq!(bytes, whole.encode_to_vec());
        assert_eq!(n_bytes, bytes.len() as u64);
        assert_eq!(MirrorList::decode(&bytes[..]).unwrap(), whole);
    }

    #[test]
    fn integers_are_unpacked_and_keys_are_written_even_when_zero() {
        let bytes = IntRepeatedIntMap::new(0, [1, 300]).encode_to_vec();
        assert_eq!(bytes, [0x08, 0, 0x10, 1, 0x10, 0xac, 0x02]);
    }
}
