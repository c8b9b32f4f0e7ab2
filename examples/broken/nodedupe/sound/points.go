// Package nodedupe is a service that credits a customer one point for each
// euro paid.
package nodedupe

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

// Points is the service. It keeps the balances in memory.
type Points struct {
	mu       sync.Mutex
	handled  map[string]bool
	balances map[string]int
}

// New makes the service.
func New() *Points {
	return &Points{handled: make(map[string]bool), balances: make(map[string]int)}
}

// Balances are the points of each customer.
func (p *Points) Balances() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.balances)
}

// ServeHTTP handles order.paid.
func (p *Points) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var event struct {
		Data struct {
			EventID string `json:"event_id"`
			Data    struct {
				CustomerID string `json:"customer_id"`
				Amount     int    `json:"amount"`
				Currency   string `json:"currency"`
			} `json:"data"`
		} `json:"data"`
	}
	if json.NewDecoder(r.Body).Decode(&event) != nil || event.Data.Data.Currency != "EUR" {
		fmt.Fprint(w, `{"status": "DROP"}`)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.handled[event.Data.EventID] {
		return
	}
	p.handled[event.Data.EventID] = true
	p.balances[event.Data.Data.CustomerID] += event.Data.Data.Amount
}
