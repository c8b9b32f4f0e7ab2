-- What the API and orders-worker know.
CREATE TABLE IF NOT EXISTS orders (
  order_id     TEXT PRIMARY KEY,
  customer_id  TEXT NOT NULL,
  amount_cents INTEGER NOT NULL,
  currency     TEXT NOT NULL,
  status       TEXT NOT NULL,
  progress     INTEGER NOT NULL -- how far the status is; it only grows
);

-- What payment-worker knows.
CREATE TABLE IF NOT EXISTS payments (
  payment_id   TEXT PRIMARY KEY,
  order_id     TEXT NOT NULL,
  amount_cents INTEGER NOT NULL,
  currency     TEXT NOT NULL,
  outcome      TEXT NOT NULL
);

-- What shipping-worker knows.
CREATE TABLE IF NOT EXISTS shipments (
  shipment_id TEXT PRIMARY KEY,
  order_id    TEXT NOT NULL
);

-- Events that are true and may not be published yet. Times are Unix milliseconds.
CREATE TABLE IF NOT EXISTS outbox (
  position      INTEGER PRIMARY KEY AUTOINCREMENT,
  topic         TEXT NOT NULL,
  payload       BLOB NOT NULL,
  claimed_by    TEXT,
  claimed_until INTEGER,
  published_at  INTEGER
);
CREATE INDEX IF NOT EXISTS outbox_waiting ON outbox (position) WHERE published_at IS NULL;

-- Events that were applied.
CREATE TABLE IF NOT EXISTS inbox (
  event_id   TEXT PRIMARY KEY,
  handled_at INTEGER NOT NULL
);
