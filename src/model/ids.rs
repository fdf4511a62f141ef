//! Dense indexes into the tables of one snapshot.

use serde::{Deserialize, Serialize};

macro_rules! dense_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        pub struct $name(pub u32);

        impl $name {
            /// The position in the table.
            pub fn index(self) -> usize {
                self.0 as usize
            }

            /// The id at `index`, or `None` where the table has outgrown 32 bits.
            pub fn new(index: usize) -> Option<Self> {
                u32::try_from(index).ok().map(Self)
            }
        }
    };
}

dense_id! {
    /// A mirror (MirrorManager: host). Meaningless in any other catalog or snapshot.
    HostId
}
dense_id! {
    /// A directory of the content tree, such as `pub/fedora/linux/releases/40`.
    DirectoryId
}
dense_id! {
    /// A file with checksums.
    FileId
}
dense_id! {
    /// A layout: how the mirrors of a group of directories serve them. See the crate `snapshot`.
    LayoutId
}
