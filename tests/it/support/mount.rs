//! A folder mounted by Kubernetes for a Secret or ConfigMap: the files are links through `..data`, which is a link
//! itself and is replaced by renaming another one over it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

pub struct Mount {
    path: PathBuf,
    version: usize,
}

impl Mount {
    /// Makes the folder at `path` with `files`.
    pub fn new(path: PathBuf, files: &[(&str, Vec<u8>)]) -> Self {
        fs::create_dir(&path).expect("a new folder");
        let mut mount = Self { path, version: 0 };
        mount.swap(files);
        for (name, _) in files {
            symlink(Path::new("..data").join(name), mount.path.join(name)).expect("a link");
        }
        mount
    }

    /// Replaces all files at once, and removes the old ones.
    pub fn swap(&mut self, files: &[(&str, Vec<u8>)]) {
        let old = self.folder();
        self.version += 1;
        let new = self.folder();
        fs::create_dir(&new).expect("a new folder");
        for (name, contents) in files {
            fs::write(new.join(name), contents).expect("written");
        }
        let link = self.path.join("..data_tmp");
        symlink(new.file_name().expect("a name"), &link).expect("a link");
        fs::rename(&link, self.path.join("..data")).expect("the links are replaced");
        if self.version > 1 {
            fs::remove_dir_all(old).expect("the old files are removed");
        }
    }

    fn folder(&self) -> PathBuf {
        self.path.join(format!("..version_{}", self.version))
    }
}
