//! Tests across the files of this folder.
