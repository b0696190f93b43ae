//! The only durable state: the journal of money-moving calls and the inbox of notifications.
//!
//! No call is journalled and no notification is stored yet, so this module is empty and `store.url` has no effect. When
//! they arrive, a `Store` trait stands here and each database gets a folder (`sqlite/`, `postgres/`); nothing outside
//! this module may know which one it is.
