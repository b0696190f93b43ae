//! The result of one attempt to reload, as it is logged, counted and shown on the admin side.

use jiff::Timestamp;
use serde_json::{Value, json};
use strum::IntoStaticStr;

use super::changes::Changes;
use super::stranded::Stranding;
use crate::mistake::Mistake;

/// What caused an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Trigger {
    /// The process started: not a reload, but the first report.
    Start,
    /// A watched directory changed.
    Watch,
    /// A poll found changed contents.
    Poll,
    /// SIGHUP.
    Signal,
    /// `POST /reload`.
    Request,
}

/// One attempt and its result.
#[derive(Debug)]
pub struct Report {
    pub trigger: Trigger,
    pub at: Timestamp,
    /// The hash of the configuration in use after the attempt.
    pub hash: String,
    pub outcome: Outcome,
}

/// The result of an attempt; its words are those of the metric's label.
#[derive(Debug, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Outcome {
    /// Another configuration is in use.
    Success {
        /// What was added and removed.
        changes: Changes,
        /// As `check` prints them.
        warnings: Vec<String>,
        /// Payments of the journal that it strands.
        stranding: Stranding,
    },
    /// Nothing has changed.
    Unchanged,
    /// Nothing was applied.
    Failure {
        /// Every mistake.
        mistakes: Vec<Mistake>,
    },
}

impl Trigger {
    /// The word for it in logs and answers.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl Report {
    /// For the load at the start of the process.
    pub(super) fn started(hash: &str, at: Timestamp) -> Self {
        let outcome = Outcome::Success {
            changes: Changes::default(),
            warnings: Vec::new(),
            stranding: Stranding::default(),
        };
        Self { trigger: Trigger::Start, at, hash: hash.to_owned(), outcome }
    }

    /// Whether the files hold a refused configuration.
    pub fn is_failure(&self) -> bool {
        matches!(self.outcome, Outcome::Failure { .. })
    }

    /// As JSON. `result`, `trigger`, `at`, `configuration` and `mistakes` are always there.
    pub fn to_json(&self) -> Value {
        let mut shown = json!({
            "result": <&str>::from(&self.outcome),
            "trigger": self.trigger.as_str(),
            "at": self.at.to_string(),
            "configuration": self.hash,
            "mistakes": [],
        });
        match &self.outcome {
            Outcome::Unchanged => {}
            Outcome::Failure { mistakes } => shown["mistakes"] = json!(mistakes),
            Outcome::Success { changes, warnings, stranding } => {
                shown["changes"] = json!(changes);
                shown["warnings"] = json!(warnings);
                shown["stranded"] = json!(stranding.stranded);
                shown["left_behind"] = json!(stranding.left_behind);
            }
        }
        shown
    }

    /// Logs it, one line for each mistake and warning.
    pub(super) fn log(&self) {
        let trigger = self.trigger.as_str();
        match &self.outcome {
            Outcome::Unchanged => {
                tracing::info!(trigger, configuration = self.hash, "configuration is unchanged");
            }
            Outcome::Success { warnings, .. } => {
                tracing::info!(trigger, configuration = self.hash, "configuration reloaded");
                for warning in warnings {
                    tracing::warn!("{warning}");
                }
            }
            Outcome::Failure { mistakes } => {
                tracing::error!(
                    trigger,
                    mistakes = mistakes.len(),
                    configuration = self.hash,
                    "configuration not reloaded: the previous one remains in use"
                );
                for mistake in mistakes {
                    tracing::error!(trigger, "configuration not reloaded: {mistake}");
                }
            }
        }
    }
}
