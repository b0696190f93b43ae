//! Handing events to the application: claim from the inbox, post, settle.
//!
//! Nothing is delivered yet. This is the second retry loop of the program (the first is the outbound attempt loop) and
//! shares nothing with the paths but the store.
