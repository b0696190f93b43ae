//! What the provider writes into `param`: the members of each notification kind in the order its page prints them.
//!
//! The text is put together here, member by member, because its exact characters are what is signed: the payout's has a
//! blank before its last member, as the provider's own example has. Where the pages are silent `docs/sandbox.md` says
//! what was chosen.

use jiff::tz::Offset;
use serde_json::Value;

use crate::sandbox::bluepay::answers::{self, time};
use crate::sandbox::bluepay::operations::TOKEN_LIFE_MS;
use crate::sandbox::engine::transaction::{Change, Product, Status, Transaction};

/// What a notification is to tell.
pub struct Told<'a> {
    pub transaction: &'a Transaction,
    /// The status told, and when it was reached; not always the newest.
    pub change: Change,
    /// Instead of the event name that belongs to the status.
    pub event: Option<&'a str>,
    /// Instead of the provider's word for the status.
    pub word: Option<&'a str>,
    pub zone: Offset,
}

/// Whether the provider tells a merchant by itself that a transaction of this kind has come to `status`.
pub fn is_told(product: Product, status: Status) -> bool {
    match (product, status) {
        // No page lists a notification for voids, and the event names know success and failure only: nothing is told
        // of what is pending or of a code that was cancelled before it was paid.
        (Product::Void, _) | (_, Status::Pending) => false,
        (product, Status::Cancelled) => product == Product::Authorization,
        (_, Status::Completed | Status::Failed) => true,
    }
}

impl Told<'_> {
    /// The event name.
    pub fn event(&self) -> &str {
        self.event.unwrap_or_else(|| event_of(self.transaction.product, self.change.status))
    }

    /// The provider's word for the status told.
    pub fn word(&self) -> &str {
        self.word.unwrap_or_else(|| self.change.status.word(self.transaction.product))
    }

    /// The text of `param`. `None` when the provider knows no notification about such a transaction.
    pub fn text(&self) -> Option<String> {
        let event = self.event();
        if event.starts_with("settle.") {
            return Some(self.settlement());
        }
        if event.starts_with("ticket.") {
            return Some(self.ticket());
        }
        match self.transaction.product {
            Product::Payout => Some(self.payout()),
            Product::Qr => Some(self.payment().failure(self).end()),
            // The table of this page has no members about failures.
            Product::WebPay => Some(self.payment().end()),
            Product::Refund => Some(self.refund()),
            Product::Authorization => Some(self.authorization()),
            Product::Debit => Some(self.debit()),
            Product::Void => None,
        }
    }

    fn payout(&self) -> String {
        let it = self.transaction;
        Text::new()
            .member("amount", it.amount)
            .member("createTime", self.created())
            .member("eventName", self.event())
            .failure(self)
            .member("mchOrderId", it.reference.as_str())
            .member("remark", it.text("remark"))
            .member("returnTime", self.returned())
            .member("transactionId", it.transaction_id.as_str())
            .blank_and_member("transactionStatus", self.word())
            .end()
    }

    /// A QR code's payment and a web payment look alike.
    fn payment(&self) -> Text {
        let it = self.transaction;
        Text::new()
            .member("eventName", self.event())
            .member("mchOrderId", it.reference.as_str())
            .member("channelCode", it.text("channelCode"))
            .member("transactionId", it.transaction_id.as_str())
            .member("amount", it.amount)
            .member("transactionStatus", self.word())
            .member("createTime", self.created())
            .member("returnTime", self.returned())
            .member("remark", it.text("remark").unwrap_or_default())
    }

    fn refund(&self) -> String {
        let it = self.transaction;
        Text::new()
            .member("eventName", self.event())
            .member("mchRefundOrderId", it.reference.as_str())
            .member("originalTransactionId", it.original.as_deref())
            .member("refundAmount", it.amount)
            .member("feeRefunded", 0)
            .member("refundCreateTime", self.created())
            .member("refundReturnTime", self.returned())
            .member("refundStatus", self.word())
            .member("refundTransactionId", it.transaction_id.as_str())
            .member("refundReason", it.text("refundReason"))
            .failure(self)
            .end()
    }

    /// `paytoken` is all lower case here and nowhere else.
    fn authorization(&self) -> String {
        let it = self.transaction;
        let issued = matches!(self.change.status, Status::Completed | Status::Cancelled);
        let ended = self.change.status == Status::Cancelled;
        let active_ms = it.returned_at_ms().unwrap_or(it.created_at_ms);
        let expires = || time(active_ms.saturating_add(TOKEN_LIFE_MS), self.zone);
        let ended_at = || time(self.change.at_ms, self.zone);
        Text::new()
            .member("channelCode", it.text("channelCode"))
            .member("eventName", self.event())
            .member("expiresTime", issued.then(expires))
            .member("inactiveTime", ended.then(ended_at))
            .member("inactiveType", ended.then_some("MCH_CANCEL"))
            .member("paytoken", issued.then_some(it.transaction_id.as_str()))
            .member("requestId", it.reference.as_str())
            // The two documented words are those of a token, and without consent there is none.
            .member("tokenStatus", (issued || self.word.is_some()).then_some(self.word()))
            .member("userId", it.text("userId"))
            .end()
    }

    /// The one notification whose times carry their zone.
    fn debit(&self) -> String {
        let it = self.transaction;
        Text::new()
            .member("eventName", self.event())
            .member("amount", it.amount)
            .member("channelCode", it.text("channelCode"))
            .member("mchOrderId", it.reference.as_str())
            .member("createTime", answers::zoned_time(it.created_at_ms, self.zone))
            .member("remark", it.text("remark").unwrap_or_default())
            .member(
                "returnTime",
                self.is_final().then(|| answers::zoned_time(self.change.at_ms, self.zone)),
            )
            .member("transactionId", it.transaction_id.as_str())
            .member("transactionStatus", self.word())
            .failure(self)
            .end()
    }

    /// In the order of the page's table, which prints no example; without the courier edition's `projectType`.
    fn settlement(&self) -> String {
        let it = self.transaction;
        Text::new()
            .member("eventName", self.event())
            .member("mchOrderId", it.reference.as_str())
            .member("transactionId", it.transaction_id.as_str())
            .member("amount", it.amount)
            .member("fee", 0)
            .member("settledReturnTime", time(self.change.at_ms, self.zone))
            .member("channelCode", it.text("channelCode"))
            .member("remark", it.text("remark").unwrap_or_default())
            .end()
    }

    fn ticket(&self) -> String {
        let event = self.event();
        let status = match event.rsplit('.').next() {
            Some("rejected") => "Rejected",
            Some("processing") => "Processing",
            _ => "Closed",
        };
        Text::new()
            .member("customerServiceReply", "")
            .member("eventName", event)
            .member("ticketId", format!("{:018}", self.transaction.serial))
            .member("ticketStatus", status)
            .member("transactionStatus", self.word())
            .end()
    }

    fn is_final(&self) -> bool {
        self.change.status != Status::Pending
    }

    fn created(&self) -> String {
        time(self.transaction.created_at_ms, self.zone)
    }

    /// What is pending has not come back yet.
    fn returned(&self) -> Option<String> {
        self.is_final().then(|| time(self.change.at_ms, self.zone))
    }
}

/// The documented event name. There is none for what is pending: such a notification exists as a fault only, and its
/// status says what it is.
fn event_of(product: Product, status: Status) -> &'static str {
    let failed = status == Status::Failed;
    match product {
        Product::Payout if failed => "disbursement.failed",
        Product::Payout => "disbursement.success",
        Product::Qr if failed => "qrcode.payment.failed",
        Product::Qr => "qrcode.payment.success",
        Product::WebPay if failed => "order.payment.failed",
        Product::WebPay => "order.payment.success",
        Product::Refund if failed => "payment.refund.failed",
        Product::Refund if status == Status::Cancelled => "payment.refund.cancel",
        Product::Refund => "payment.refund.success",
        Product::Authorization if failed => "token.create.failed",
        Product::Authorization if status == Status::Cancelled => "token.cancel.success",
        Product::Authorization => "token.create.success",
        Product::Debit if failed => "direct.debit.failed",
        Product::Debit => "direct.debit.success",
        Product::Void => "",
    }
}

/// A JSON object that is written from left to right.
struct Text(String);

impl Text {
    fn new() -> Self {
        Self("{".to_string())
    }

    /// Writes a member; one without a value is left out.
    fn member(self, name: &str, value: impl Into<Value>) -> Self {
        self.write("", name, value.into())
    }

    fn blank_and_member(self, name: &str, value: impl Into<Value>) -> Self {
        self.write(" ", name, value.into())
    }

    /// Why the transaction failed, when it did.
    fn failure(self, told: &Told<'_>) -> Self {
        let failed = told.change.status == Status::Failed;
        let code = told.transaction.failed_code.filter(|_| failed);
        self.member("failedCode", code).member("failedMessage", code.map(answers::failed_message))
    }

    fn write(mut self, before: &str, name: &str, value: Value) -> Self {
        if value.is_null() {
            return self;
        }
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push_str(&format!("{before}\"{name}\":{value}"));
        self
    }

    fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sandbox::engine::transaction::Draft;

    /// 2023-03-02 09:25:12 in the zone below.
    const AT_MS: i64 = 1_677_723_912_000;

    fn told(product: Product, status: Status, parameters: Value) -> String {
        let Value::Object(parameters) = parameters else { panic!("an object of parameters") };
        let failed_code = (status == Status::Failed).then_some(-10004);
        let original = (product == Product::Refund).then(|| "C1".to_string());
        let draft = Draft {
            amount: Some(10_000),
            parameters,
            failed_code,
            original,
            ..Draft::new("any", product, "ref1")
        };
        let mut transaction = draft.opened("app", 1, AT_MS);
        let change = Change { status, at_ms: AT_MS + 1_000 };
        transaction.history = vec![Change { status: Status::Completed, at_ms: AT_MS }];
        let zone = Offset::constant(7);
        Told { transaction: &transaction, change, event: None, word: None, zone }
            .text()
            .expect("a text")
    }

    #[test]
    fn a_payout_is_told_in_alphabetical_order_with_a_blank_before_its_status() {
        assert_eq!(
            told(Product::Payout, Status::Completed, json!({"remark": "re\"mark"})),
            r#"{"amount":10000,"createTime":"2023-03-02 09:25:12","eventName":"disbursement.success","mchOrderId":"ref1","remark":"re\"mark","returnTime":"2023-03-02 09:25:13","transactionId":"D1677723912000000001", "transactionStatus":"COMPLETED"}"#
        );
        assert_eq!(
            told(Product::Payout, Status::Failed, json!({})),
            r#"{"amount":10000,"createTime":"2023-03-02 09:25:12","eventName":"disbursement.failed","failedCode":-10004,"failedMessage":"Transaction Channel Rejected","mchOrderId":"ref1","returnTime":"2023-03-02 09:25:13","transactionId":"D1677723912000000001", "transactionStatus":"FAILED"}"#
        );
    }

    #[test]
    fn a_payment_is_told_in_the_order_of_its_page() {
        assert_eq!(
            told(Product::Qr, Status::Failed, json!({"channelCode": "THAI_DYNAMIC_QR"})),
            r#"{"eventName":"qrcode.payment.failed","mchOrderId":"ref1","channelCode":"THAI_DYNAMIC_QR","transactionId":"C1677723912000000001","amount":10000,"transactionStatus":"FAILED","createTime":"2023-03-02 09:25:12","returnTime":"2023-03-02 09:25:13","remark":"","failedCode":-10004,"failedMessage":"Transaction Channel Rejected"}"#
        );
        assert_eq!(
            told(
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
            told(Product::Refund, Status::Completed, json!({})),
            r#"{"eventName":"payment.refund.success","mchRefundOrderId":"ref1","originalTransactionId":"C1","refundAmount":10000,"feeRefunded":0,"refundCreateTime":"2023-03-02 09:25:12","refundReturnTime":"2023-03-02 09:25:13","refundStatus":"COMPLETE","refundTransactionId":"R1677723912000000001"}"#
        );
    }

    #[test]
    fn a_token_is_told_when_it_begins_and_when_it_ends() {
        let parameters = || json!({"channelCode": "BLUEPAY_DIRECT_DEBIT", "userId": "u1"});
        assert_eq!(
            told(Product::Authorization, Status::Completed, parameters()),
            r#"{"channelCode":"BLUEPAY_DIRECT_DEBIT","eventName":"token.create.success","expiresTime":"2033-02-27 09:25:12","paytoken":"TK1677723912000000001","requestId":"ref1","tokenStatus":"ACTIVED","userId":"u1"}"#
        );
        assert_eq!(
            told(Product::Authorization, Status::Cancelled, parameters()),
            r#"{"channelCode":"BLUEPAY_DIRECT_DEBIT","eventName":"token.cancel.success","expiresTime":"2033-02-27 09:25:12","inactiveTime":"2023-03-02 09:25:13","inactiveType":"MCH_CANCEL","paytoken":"TK1677723912000000001","requestId":"ref1","tokenStatus":"INACTIVED","userId":"u1"}"#
        );
        assert_eq!(
            told(Product::Authorization, Status::Failed, parameters()),
            r#"{"channelCode":"BLUEPAY_DIRECT_DEBIT","eventName":"token.create.failed","requestId":"ref1","userId":"u1"}"#
        );
    }

    #[test]
    fn a_debit_has_times_with_their_zone() {
        assert_eq!(
            told(Product::Debit, Status::Completed, json!({"channelCode": "BLUEPAY_DIRECT_DEBIT"})),
            r#"{"eventName":"direct.debit.success","amount":10000,"channelCode":"BLUEPAY_DIRECT_DEBIT","mchOrderId":"ref1","createTime":"2023-03-02T09:25:12+07:00","remark":"","returnTime":"2023-03-02T09:25:13+07:00","transactionId":"C1677723912000000001","transactionStatus":"COMPLETED"}"#
        );
    }

    #[test]
    fn nothing_is_told_of_voids_and_of_what_is_pending() {
        assert!(!is_told(Product::Void, Status::Completed));
        assert!(!is_told(Product::Payout, Status::Pending));
        assert!(!is_told(Product::Qr, Status::Cancelled));
        assert!(is_told(Product::Authorization, Status::Cancelled));
    }
}
