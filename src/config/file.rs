//! Mirrors the configuration file.
