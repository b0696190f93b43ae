//! Written with the profile.
