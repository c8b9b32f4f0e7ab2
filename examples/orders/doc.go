// Package orders is a small shop in four services that talk through Dapr
// pub/sub, written as a team would write it, and tested with eventproof.
//
//	POST /orders ─> orders ──order.placed──> payment-worker ──payment.captured──> shipping-worker
//	                  ▲                           │    │                               │
//	             (same database)           payment.failed payment.captured     shipment.requested
//	                  │                           ▼    ▼                               ▼
//	             orders-worker  <──────────────────────────────────────────────────────
//
// # The services
//
//   - orders: the HTTP API (cmd/orders). It only publishes.
//   - payment-worker: a Go SDK HTTP service; its subscription is in its code.
//   - shipping-worker: a Go SDK gRPC service; its subscription is in its code.
//   - orders-worker: net/http without any Dapr import; its subscriptions are in
//     configs/dapr/subscriptions.yaml.
//
// The three workers are one program, cmd/worker.
//
// # How an event is neither lost nor handled twice
//
// A publisher writes its event into the outbox table in the transaction that
// makes it true, and a relay publishes it afterwards (internal/outbox). A
// consumer notes the event's event_id in its inbox table in the transaction
// that applies it (internal/consumer). Between the two an event may travel
// twice, and takes effect once.
//
// An event that can never be handled is refused with DROP, and Dapr puts it on
// the consumer's dead letter topic; any other failure is retried as
// configs/dapr/resiliency.yaml says.
package orders
