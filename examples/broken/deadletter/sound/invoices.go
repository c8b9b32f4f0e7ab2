// Package deadletter is a service that writes an invoice for each paid order.
package deadletter

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"sync"
)

// Resources are its Dapr resources.
//
//go:embed dapr.yaml
var Resources embed.FS

// Invoices is the service. It keeps the invoices in memory.
type Invoices struct {
	mu      sync.Mutex
	amounts map[string]int
}

// New makes the service.
func New() *Invoices { return &Invoices{amounts: make(map[string]int)} }

// Amounts are the invoiced amounts, by order.
func (i *Invoices) Amounts() map[string]int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return maps.Clone(i.amounts)
}

// ServeHTTP handles order.paid. A second delivery writes the same invoice.
func (i *Invoices) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var event struct {
		Data struct {
			Data struct {
				OrderID  string `json:"order_id"`
				Amount   int    `json:"amount"`
				Currency string `json:"currency"`
			} `json:"data"`
		} `json:"data"`
	}
	if json.NewDecoder(r.Body).Decode(&event) != nil || event.Data.Data.Currency != "EUR" {
		fmt.Fprint(w, `{"status": "DROP"}`)
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.amounts[event.Data.Data.OrderID] = event.Data.Data.Amount
}
