//! What the provider writes into `param`: the members of each notification kind in the order its page prints them.
//!
//! The signature covers the exact characters: the payout's text has a blank before its last member, like the provider's
//! own example. Where the pages say nothing, `docs/sandbox.md` says what was chosen.

use serde_json::Value;

use super::call::TOKEN_LIFE_MS;
use super::text::{Members, time, zoned_time};
use super::words::{event_of, status_word};
use crate::sandbox::engine::dialect::{Report, Text};
use crate::sandbox::engine::transaction::{Product, Status};

/// The notification for `report`. `None` when the provider has none for such a transaction.
pub fn write(report: &Report<'_>) -> Option<Text> {
    let (transaction, event) = (report.transaction, report.event());
    let text = match transaction.product {
        _ if event.starts_with("settle.") => report.settlement().text(),
        _ if event.starts_with("ticket.") => report.ticket().text(),
        Product::Payout => report.payout(),
        Product::Qr => report.payment().failure(transaction, report.change.status).text(),
        // The table of this page has no members about failures.
        Product::WebPay => report.payment().text(),
        Product::Refund => report.refund().text(),
        Product::Authorization => report.authorization().text(),
        Product::Debit => report.debit().text(),
        Product::Void => return None,
    };
    Some(Text { event: event.to_string(), text })
}

impl Report<'_> {
    fn payout(&self) -> String {
        let members = Members::default()
            .with("amount", self.transaction.amount)
            .with("createTime", self.created())
            .with("eventName", self.event())
            .failure(self.transaction, self.change.status)
            .with("mchOrderId", self.transaction.reference.as_str())
            .echo(self.transaction, &["remark"])
            .with("returnTime", self.returned())
            .with("transactionId", self.transaction.transaction_id.as_str());
        let mut text = members.text();
        text.truncate(text.len() - 1);
        format!("{text}, \"transactionStatus\":{}}}", Value::from(self.word()))
    }

    /// A QR code's payment and a web payment look alike.
    fn payment(&self) -> Members {
        Members::default()
            .with("eventName", self.event())
            .with("mchOrderId", self.transaction.reference.as_str())
            .echo(self.transaction, &["channelCode"])
            .with("transactionId", self.transaction.transaction_id.as_str())
            .with("amount", self.transaction.amount)
            .with("transactionStatus", self.word())
            .with("createTime", self.created())
            .with("returnTime", self.returned())
            .with("remark", self.remark())
    }

    fn refund(&self) -> Members {
        Members::default()
            .with("eventName", self.event())
            .with("mchRefundOrderId", self.transaction.reference.as_str())
            .with("originalTransactionId", self.transaction.original.as_deref())
            .with("refundAmount", self.transaction.amount)
            .with("feeRefunded", 0)
            .with("refundCreateTime", self.created())
            .with("refundReturnTime", self.returned())
            .with("refundStatus", self.word())
            .with("refundTransactionId", self.transaction.transaction_id.as_str())
            .echo(self.transaction, &["refundReason"])
            .failure(self.transaction, self.change.status)
    }

    /// `paytoken` is all lower case here and nowhere else.
    fn authorization(&self) -> Members {
        let issued = matches!(self.change.status, Status::Completed | Status::Cancelled);
        let ended = self.change.status == Status::Cancelled;
        let active_ms = self.transaction.returned_at_ms().unwrap_or(self.transaction.created_at_ms);
        let expires = || self.time(active_ms.saturating_add(TOKEN_LIFE_MS));
        Members::default()
            .echo(self.transaction, &["channelCode"])
            .with("eventName", self.event())
            .with("expiresTime", issued.then(expires))
            .with("inactiveTime", ended.then(|| self.time(self.change.at_ms)))
            .with("inactiveType", ended.then_some("MCH_CANCEL"))
            .with("paytoken", issued.then_some(self.transaction.transaction_id.as_str()))
            .with("requestId", self.transaction.reference.as_str())
            // The two documented words are statuses of a token, and without consent there is no token.
            .with("tokenStatus", (issued || self.word.is_some()).then_some(self.word()))
            .echo(self.transaction, &["userId"])
    }

    /// The only notification whose times carry their zone.
    fn debit(&self) -> Members {
        let returned =
            self.is_final().then(|| zoned_time(self.change.at_ms, self.sandbox.timezone));
        Members::default()
            .with("eventName", self.event())
            .with("amount", self.transaction.amount)
            .echo(self.transaction, &["channelCode"])
            .with("mchOrderId", self.transaction.reference.as_str())
            .with("createTime", zoned_time(self.transaction.created_at_ms, self.sandbox.timezone))
            .with("remark", self.remark())
            .with("returnTime", returned)
            .with("transactionId", self.transaction.transaction_id.as_str())
            .with("transactionStatus", self.word())
            .failure(self.transaction, self.change.status)
    }

    /// In the order of the page's table, which prints no example; without the courier edition's `projectType`.
    fn settlement(&self) -> Members {
        Members::default()
            .with("eventName", self.event())
            .with("mchOrderId", self.transaction.reference.as_str())
            .with("transactionId", self.transaction.transaction_id.as_str())
            .with("amount", self.transaction.amount)
            .with("fee", 0)
            .with("settledReturnTime", self.time(self.change.at_ms))
            .echo(self.transaction, &["channelCode"])
            .with("remark", self.remark())
    }

    fn ticket(&self) -> Members {
        let status = match self.event().rsplit('.').next() {
            Some("rejected") => "Rejected",
            Some("processing") => "Processing",
            _ => "Closed",
        };
        Members::default()
            .with("customerServiceReply", "")
            .with("eventName", self.event())
            .with("ticketId", format!("{:018}", self.transaction.serial))
            .with("ticketStatus", status)
            .with("transactionStatus", self.word())
    }

    fn is_final(&self) -> bool {
        self.change.status != Status::Pending
    }

    fn event(&self) -> &str {
        let (product, status) = (self.transaction.product, self.change.status);
        self.event.unwrap_or_else(|| event_of(product, status))
    }

    /// The word for the status.
    fn word(&self) -> &str {
        let (product, status) = (self.transaction.product, self.change.status);
        self.word.unwrap_or_else(|| status_word(product, status))
    }

    fn time(&self, unix_ms: i64) -> String {
        time(unix_ms, self.sandbox.timezone)
    }

    fn created(&self) -> String {
        self.time(self.transaction.created_at_ms)
    }

    /// A pending transaction has no return time yet.
    fn returned(&self) -> Option<String> {
        self.is_final().then(|| self.time(self.change.at_ms))
    }

    fn remark(&self) -> &str {
        self.transaction.text("remark").unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::words::id_prefix;
    use super::*;
    use crate::sandbox::engine::transaction::Change;
    use crate::sandbox::engine::transaction::Transaction;
    use crate::sandbox::tests::bench::plain;

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
        let (sandbox, transaction) = (&plain(), &transaction);
        let report = Report { sandbox, transaction, change, event: None, word: None };
        write(&report).expect("a notification").text
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
