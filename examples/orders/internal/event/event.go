// Package event is the payload that the shop's services exchange: an envelope
// of the same five members for every event, and what each type carries in it.
//
// The contracts directory is the promise; these types are how this code base
// writes and reads it.
package event

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// PubSub is the Dapr component that carries all events.
const PubSub = "pubsub"

// The event types.
const (
	OrderPlacedType       = "order.placed"
	PaymentCapturedType   = "payment.captured"
	PaymentFailedType     = "payment.failed"
	ShipmentRequestedType = "shipment.requested"
)

// The topics, one for each event type.
const (
	OrderPlacedTopic       = "orders.order.placed"
	PaymentCapturedTopic   = "payments.payment.captured"
	PaymentFailedTopic     = "payments.payment.failed"
	ShipmentRequestedTopic = "shipping.shipment.requested"
)

// Version is the one version of each payload that this code writes and reads.
const Version = "1"

// Envelope surrounds every payload. EventID is the event's identity: Dapr's own
// CloudEvents id is drawn anew at each publish, also when a relay publishes the
// same event again.
type Envelope struct {
	EventID      string          `json:"event_id"`
	EventType    string          `json:"event_type"`
	EventVersion string          `json:"event_version"`
	Timestamp    time.Time       `json:"timestamp"`
	Data         json.RawMessage `json:"data"`
}

// OrderPlaced says that an order was accepted.
type OrderPlaced struct {
	OrderID     string `json:"order_id"`
	CustomerID  string `json:"customer_id"`
	AmountCents int64  `json:"amount_cents"`
	Currency    string `json:"currency"`
}

// PaymentCaptured says that an order is paid.
type PaymentCaptured struct {
	OrderID     string `json:"order_id"`
	PaymentID   string `json:"payment_id"`
	AmountCents int64  `json:"amount_cents"`
	Currency    string `json:"currency"`
}

// PaymentFailed says that an order will not be paid.
type PaymentFailed struct {
	OrderID string `json:"order_id"`
	Reason  string `json:"reason"`
}

// ShipmentRequested says that the warehouse was asked to send an order.
type ShipmentRequested struct {
	OrderID    string `json:"order_id"`
	ShipmentID string `json:"shipment_id"`
}

// New wraps a payload in an envelope with an id of its own.
func New(eventType string, payload any) (Envelope, error) {
	data, err := json.Marshal(payload)
	if err != nil {
		return Envelope{}, fmt.Errorf("encode %s: %w", eventType, err)
	}
	return Envelope{
		EventID:      uuid.NewString(),
		EventType:    eventType,
		EventVersion: Version,
		Timestamp:    time.Now().UTC().Truncate(time.Millisecond),
		Data:         data,
	}, nil
}

// Decode reads the envelope and its payload, and refuses what is not an event
// of that type and of the version that this code reads.
func Decode(body []byte, eventType string, payload any) (Envelope, error) {
	var e Envelope
	if err := json.Unmarshal(body, &e); err != nil {
		return Envelope{}, fmt.Errorf("decode envelope: %w", err)
	}
	switch {
	case e.EventID == "":
		return Envelope{}, fmt.Errorf("decode %s: it has no event_id", eventType)
	case e.EventType != eventType:
		return Envelope{}, fmt.Errorf("decode %s: event_type is %q", eventType, e.EventType)
	case e.EventVersion != Version:
		return Envelope{}, fmt.Errorf("decode %s: event_version is %q, and only %q is known here", eventType, e.EventVersion, Version)
	}
	if err := json.Unmarshal(e.Data, payload); err != nil {
		return Envelope{}, fmt.Errorf("decode %s: data: %w", eventType, err)
	}
	return e, nil
}
