// Package quickstart is the service of the README's first test: it charges
// customers for orders.
package quickstart

import (
	"encoding/json"
	"net/http"
	"sync"
)

// Payments charges customers. It knows two of them.
type Payments struct {
	mu      sync.Mutex
	done    map[string]bool // by order
	charged map[string]int  // cents, by customer
}

// New makes a service that has charged nobody yet.
func New() *Payments {
	return &Payments{done: map[string]bool{}, charged: map[string]int{"ada": 0, "bob": 0}}
}

// Handler is what Dapr calls.
func (p *Payments) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders", p.placed)
	return mux
}

func (p *Payments) placed(w http.ResponseWriter, r *http.Request) {
	var event struct {
		Data struct {
			OrderID  string `json:"order_id"`
			Customer string `json:"customer"`
			Cents    int    `json:"cents"`
		} `json:"data"`
	}
	if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	order := event.Data
	if _, ok := p.charged[order.Customer]; !ok {
		http.Error(w, "no such customer: "+order.Customer, http.StatusUnprocessableEntity)
		return
	}
	if p.done[order.OrderID] { // Dapr delivers at least once
		return
	}
	p.done[order.OrderID] = true
	p.charged[order.Customer] += order.Cents
}

// Charged is what each customer was charged so far, in cents.
func (p *Payments) Charged() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	charged := make(map[string]int, len(p.charged))
	for customer, cents := range p.charged {
		charged[customer] = cents
	}
	return charged
}
