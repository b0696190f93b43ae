-- The provider's id of another transaction that was told of under the payment's reference: it may have been made twice.
ALTER TABLE payment ADD COLUMN conflicting_reference TEXT;
