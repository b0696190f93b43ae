//! BluePay's dialect: how its requests, answers and notifications are written.

pub mod answers;
pub mod notification;
pub mod operations;
pub mod request;
