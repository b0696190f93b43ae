//! The inbound path: find the account, verify over the exact bytes, store, acknowledge.
//!
//! Notifications are not received yet. `handle` will list those four steps as [`crate::outbound`] lists its own; the
//! two paths meet in the store only. Verification itself is in place: see [`crate::sign::VerifyRecipe`].
