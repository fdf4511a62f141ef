//! A file system of its own in memory, which a test may fill or make read-only.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// A file system in memory. It is gone when this is dropped.
pub struct Tmpfs(TempDir);

impl Tmpfs {
    /// Mounts one of this size, as in `3m`. The error is one line: this process may not mount anything.
    pub fn mount(size: &str) -> Result<Self, String> {
        let folder = TempDir::new().expect("a temporary folder");
        let options = format!("size={size},mode=1777");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder.path());
        match mount.output() {
            Ok(output) if output.status.success() => Ok(Self(folder)),
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
                Err(format!("needs the right to mount file systems: {said}"))
            }
            Err(error) => Err(format!("needs the program mount: {error}")),
        }
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Mounts it again with an option, as in `ro`.
    #[track_caller]
    pub fn remount(&self, option: &str) {
        let options = format!("remount,{option}");
        let status = Command::new("mount").args(["-o", &options]).arg(self.path()).status();
        assert!(status.expect("mount can be started").success());
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Lazily: somebody may still have a file of it open.
        drop(Command::new("umount").arg("-l").arg(self.path()).status());
    }
}
