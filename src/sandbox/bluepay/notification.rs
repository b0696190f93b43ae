//! What the provider writes into `param`: the members of each notification kind in the order its page prints them.
//!
//! The exact characters are what is signed: the payout's text has a blank before its last member, as the provider's own
//! example has. Where the pages are silent `docs/sandbox.md` says what was chosen.

use jiff::tz::Offset;
use serde_json::Value;

use super::call::TOKEN_LIFE_MS;
use super::text::{Members, time, zoned_time};
use super::words::{event_of, status_word};
use crate::sandbox::engine::dialect::{Report, Text};
use crate::sandbox::engine::transaction::{Product, Status, Transaction};

/// The notification with what `report` says. `None` when the provider knows none about such a transaction.
pub fn write(report: &Report<'_>, zone: Offset) -> Option<Text> {
    let (product, status) = (report.transaction.product, report.change.status);
    let writing = Writing {
        it: report.transaction,
        status,
        at_ms: report.change.at_ms,
        event: report.event.unwrap_or_else(|| event_of(product, status)),
        word: report.word.unwrap_or_else(|| status_word(product, status)),
        zone,
    };
    let text = writing.text(report.word.is_some())?;
    Some(Text { event: writing.event.to_string(), text })
}

/// What is written about.
struct Writing<'a> {
    it: &'a Transaction,
    /// The status reported, and when it was reached (Unix ms).
    status: Status,
    at_ms: i64,
    event: &'a str,
    /// The word for the status.
    word: &'a str,
    zone: Offset,
}

impl Writing<'_> {
    /// `has_word` says that the word for the status was asked for.
    fn text(&self, has_word: bool) -> Option<String> {
        let members = match self.it.product {
            _ if self.event.starts_with("settle.") => self.settlement(),
            _ if self.event.starts_with("ticket.") => self.ticket(),
            Product::Payout => return Some(self.payout()),
            Product::Qr => self.payment().failure(self.it, self.status),
            // The table of this page has no members about failures.
            Product::WebPay => self.payment(),
            Product::Refund => self.refund(),
            Product::Authorization => self.authorization(has_word),
            Product::Debit => self.debit(),
            Product::Void => return None,
        };
        Some(Value::from(members).to_string())
    }

    fn payout(&self) -> String {
        let members = Members::default()
            .with("amount", self.it.amount)
            .with("createTime", self.created())
            .with("eventName", self.event)
            .failure(self.it, self.status)
            .with("mchOrderId", self.it.reference.as_str())
            .echo(self.it, &["remark"])
            .with("returnTime", self.returned())
            .with("transactionId", self.it.transaction_id.as_str());
        let mut text = Value::from(members).to_string();
        text.truncate(text.len() - 1);
        format!("{text}, \"transactionStatus\":{}}}", Value::from(self.word))
    }

    /// A QR code's payment and a web payment look alike.
    fn payment(&self) -> Members {
        Members::default()
            .with("eventName", self.event)
            .with("mchOrderId", self.it.reference.as_str())
            .echo(self.it, &["channelCode"])
            .with("transactionId", self.it.transaction_id.as_str())
            .with("amount", self.it.amount)
            .with("transactionStatus", self.word)
            .with("createTime", self.created())
            .with("returnTime", self.returned())
            .with("remark", self.remark())
    }

    fn refund(&self) -> Members {
        Members::default()
            .with("eventName", self.event)
            .with("mchRefundOrderId", self.it.reference.as_str())
            .with("originalTransactionId", self.it.original.as_deref())
            .with("refundAmount", self.it.amount)
            .with("feeRefunded", 0)
            .with("refundCreateTime", self.created())
            .with("refundReturnTime", self.returned())
            .with("refundStatus", self.word)
            .with("refundTransactionId", self.it.transaction_id.as_str())
            .echo(self.it, &["refundReason"])
            .failure(self.it, self.status)
    }

    /// `paytoken` is all lower case here and nowhere else.
    fn authorization(&self, has_word: bool) -> Members {
        let issued = matches!(self.status, Status::Completed | Status::Cancelled);
        let ended = self.status == Status::Cancelled;
        let active_ms = self.it.returned_at_ms().unwrap_or(self.it.created_at_ms);
        let expires = || time(active_ms.saturating_add(TOKEN_LIFE_MS), self.zone);
        Members::default()
            .echo(self.it, &["channelCode"])
            .with("eventName", self.event)
            .with("expiresTime", issued.then(expires))
            .with("inactiveTime", ended.then(|| time(self.at_ms, self.zone)))
            .with("inactiveType", ended.then_some("MCH_CANCEL"))
            .with("paytoken", issued.then_some(self.it.transaction_id.as_str()))
            .with("requestId", self.it.reference.as_str())
            // The two documented words are those of a token, and without consent there is none.
            .with("tokenStatus", (issued || has_word).then_some(self.word))
            .echo(self.it, &["userId"])
    }

    /// The one notification whose times carry their zone.
    fn debit(&self) -> Members {
        let returned = self.is_final().then(|| zoned_time(self.at_ms, self.zone));
        Members::default()
            .with("eventName", self.event)
            .with("amount", self.it.amount)
            .echo(self.it, &["channelCode"])
            .with("mchOrderId", self.it.reference.as_str())
            .with("createTime", zoned_time(self.it.created_at_ms, self.zone))
            .with("remark", self.remark())
            .with("returnTime", returned)
            .with("transactionId", self.it.transaction_id.as_str())
            .with("transactionStatus", self.word)
            .failure(self.it, self.status)
    }

    /// In the order of the page's table, which prints no example; without the courier edition's `projectType`.
    fn settlement(&self) -> Members {
        Members::default()
            .with("eventName", self.event)
            .with("mchOrderId", self.it.reference.as_str())
            .with("transactionId", self.it.transaction_id.as_str())
            .with("amount", self.it.amount)
            .with("fee", 0)
            .with("settledReturnTime", time(self.at_ms, self.zone))
            .echo(self.it, &["channelCode"])
            .with("remark", self.remark())
    }

    fn ticket(&self) -> Members {
        let status = match self.event.rsplit('.').next() {
            Some("rejected") => "Rejected",
            Some("processing") => "Processing",
            _ => "Closed",
        };
        Members::default()
            .with("customerServiceReply", "")
            .with("eventName", self.event)
            .with("ticketId", format!("{:018}", self.it.serial))
            .with("ticketStatus", status)
            .with("transactionStatus", self.word)
    }

    fn is_final(&self) -> bool {
        self.status != Status::Pending
    }

    fn created(&self) -> String {
        time(self.it.created_at_ms, self.zone)
    }

    /// What is pending has not come back yet.
    fn returned(&self) -> Option<String> {
        self.is_final().then(|| time(self.at_ms, self.zone))
    }

    fn remark(&self) -> &str {
        self.it.text("remark").unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::words::id_prefix;
    use super::*;
    use crate::sandbox::engine::transaction::Change;

    /// 2023-03-02 09:25:12 in the zone below.
    const AT_MS: i64 = 1_677_723_912_000;

    fn reported(product: Product, status: Status, parameters: Value) -> String {
        let Value::Object(parameters) = parameters else { panic!("an object of parameters") };
        let transaction = Transaction {
            serial: 1,
            product,
            reference: "ref1".to_string(),
            transaction_id: format!("{}1677723912000000001", id_prefix(product)),
            amount: Some(10_000),
            failed_code: (status == Status::Failed).then_some(-10004),
            created_at_ms: AT_MS,
            original: (product == Product::Refund).then(|| "C1".to_string()),
            history: vec![Change { status: Status::Completed, at_ms: AT_MS }],
            parameters,
            ..Transaction::default()
        };
        let change = Change { status, at_ms: AT_MS + 1_000 };
        let report = Report { transaction: &transaction, change, event: None, word: None };
        write(&report, Offset::constant(7)).expect("a notification").text
    }

    #[test]
    fn a_payout_is_reported_in_alphabetical_order_with_a_blank_before_its_status() {
        assert_eq!(
            reported(Product::Payout, Status::Completed, json!({"remark": "re\"mark"})),
            r#"{"amount":10000,"createTime":"2023-03-02 09:25:12","eventName":"disbursement.success","mchOrderId":"ref1","remark":"re\"mark","returnTime":"2023-03-02 09:25:13","transactionId":"D1677723912000000001", "transactionStatus":"COMPLETED"}"#
        );
        assert_eq!(
            reported(Product::Payout, Status::Failed, json!({})),
            r#"{"amount":10000,"createTime":"2023-03-02 09:25:12","eventName":"disbursement.failed","failedCode":-10004,"failedMessage":"Transaction Channel Rejected","mchOrderId":"ref1","returnTime":"2023-03-02 09:25:13","transactionId":"D1677723912000000001", "transactionStatus":"FAILED"}"#
        );
    }

    #[test]
    fn a_payment_is_reported_in_the_order_of_its_page() {
        assert_eq!(
            reported(Product::Qr, Status::Failed, json!({"channelCode": "THAI_DYNAMIC_QR"})),
            r#"{"eventName":"qrcode.payment.failed","mchOrderId":"ref1","channelCode":"THAI_DYNAMIC_QR","transactionId":"C1677723912000000001","amount":10000,"transactionStatus":"FAILED","createTime":"2023-03-02 09:25:12","returnTime":"2023-03-02 09:25:13","remark":"","failedCode":-10004,"failedMessage":"Transaction Channel Rejected"}"#
        );
        assert_eq!(
            reported(
                Product::WebPay,
                Status::Failed,
                json!({"channelCode": "WECHAT_URL", "remark": "r"})
            ),
            r#"{"eventName":"order.payment.failed","mchOrderId":"ref1","channelCode":"WECHAT_URL","transactionId":"C1677723912000000001","amount":10000,"transactionStatus":"FAILED","createTime":"2023-03-02 09:25:12","returnTime":"2023-03-02 09:25:13","remark":"r"}"#
        );
    }

    #[test]
    fn a_refund_is_complete_without_the_d() {
        assert_eq!(
            reported(Product::Refund, Status::Completed, json!({})),
            r#"{"eventName":"payment.refund.success","mchRefundOrderId":"ref1","originalTransactionId":"C1","refundAmount":10000,"feeRefunded":0,"refundCreateTime":"2023-03-02 09:25:12","refundReturnTime":"2023-03-02 09:25:13","refundStatus":"COMPLETE","refundTransactionId":"R1677723912000000001"}"#
        );
    }

    #[test]
    fn a_token_is_reported_when_it_begins_and_when_it_ends() {
        let parameters = || json!({"channelCode": "BLUEPAY_DIRECT_DEBIT", "userId": "u1"});
        assert_eq!(
            reported(Product::Authorization, Status::Completed, parameters()),
            r#"{"channelCode":"BLUEPAY_DIRECT_DEBIT","eventName":"token.create.success","expiresTime":"2033-02-27 09:25:12","paytoken":"TK1677723912000000001","requestId":"ref1","tokenStatus":"ACTIVED","userId":"u1"}"#
        );
        assert_eq!(
            reported(Product::Authorization, Status::Cancelled, parameters()),
            r#"{"channelCode":"BLUEPAY_DIRECT_DEBIT","eventName":"token.cancel.success","expiresTime":"2033-02-27 09:25:12","inactiveTime":"2023-03-02 09:25:13","inactiveType":"MCH_CANCEL","paytoken":"TK1677723912000000001","requestId":"ref1","tokenStatus":"INACTIVED","userId":"u1"}"#
        );
        assert_eq!(
            reported(Product::Authorization, Status::Failed, parameters()),
            r#"{"channelCode":"BLUEPAY_DIRECT_DEBIT","eventName":"token.create.failed","requestId":"ref1","userId":"u1"}"#
        );
    }

    #[test]
    fn a_debit_has_times_with_their_zone() {
        assert_eq!(
            reported(
                Product::Debit,
                Status::Completed,
                json!({"channelCode": "BLUEPAY_DIRECT_DEBIT"})
            ),
            r#"{"eventName":"direct.debit.success","amount":10000,"channelCode":"BLUEPAY_DIRECT_DEBIT","mchOrderId":"ref1","createTime":"2023-03-02T09:25:12+07:00","remark":"","returnTime":"2023-03-02T09:25:13+07:00","transactionId":"C1677723912000000001","transactionStatus":"COMPLETED"}"#
        );
    }
}
