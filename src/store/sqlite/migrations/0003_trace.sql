-- Where in which trace a payment was made (a W3C `traceparent`), so that what is told of it later can be linked to it.
ALTER TABLE payment ADD COLUMN trace TEXT;
