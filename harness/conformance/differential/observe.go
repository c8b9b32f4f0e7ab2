package differential

import (
	"encoding/base64"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// lane is where order counts: one event at one subscription.
type lane struct {
	app   int
	topic string // the scenario's own name, with its component's: a.t0
	event string // "": it cannot be told
}

func (l lane) String() string {
	event := l.event
	if event == "" {
		event = "an event without a name"
	}
	return fmt.Sprintf("%s on %s at app %d", event, l.topic, l.app)
}

// record is what was seen of one act.
type record struct {
	mu         sync.Mutex
	published  map[string]string   // by event: what the publisher was answered
	deliveries map[lane][]string   // each attempt: what came, and what was answered
	topics     map[string][]string // by topic: what lies there in the end, sorted
	held       map[lane]int        // how many are pending, by app and topic
	journal    []entry
	pending    map[lane]bool
}

func newRecord() *record {
	return &record{published: map[string]string{}, deliveries: map[lane][]string{}, topics: map[string][]string{}, held: map[lane]int{}, pending: map[lane]bool{}}
}

// attempt counts a delivery that begins; the function that it returns tells what
// came of it.
func (r *record) attempt(l lane, came string) (n int, answered func(string)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deliveries[l] = append(r.deliveries[l], came+" -> no answer yet")
	n = len(r.deliveries[l])
	return n, func(answer string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.deliveries[l][n-1] = came + " -> " + answer
	}
}

func (r *record) lanes() []lane {
	return slices.SortedFunc(maps.Keys(r.deliveries), func(a, b lane) int { return strings.Compare(a.String(), b.String()) })
}

var (
	clock        = regexp.MustCompile(`"(time|expiration)":"(\d{4})-[^"]*"`)
	drawn        = regexp.MustCompile(`"id":"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"`)
	base64Member = regexp.MustCompile(`"data_base64":"([^"]*)"`)
)

// plain is an envelope without what differs from run to run: clocks, and ids
// that a sidecar drew. Years that a scenario gives stay.
func plain(envelope []byte) string {
	text := clock.ReplaceAllStringFunc(string(envelope), func(member string) string {
		parts := clock.FindStringSubmatch(member)
		if parts[2] == "1999" || parts[2] == "2020" || parts[2] == "2099" {
			return member
		}
		return fmt.Sprintf("%q:now", parts[1])
	})
	text = drawn.ReplaceAllString(text, `"id":drawn`)
	text = base64Member.ReplaceAllStringFunc(text, func(member string) string {
		inside, err := base64.StdEncoding.DecodeString(base64Member.FindStringSubmatch(member)[1])
		if err != nil {
			return member
		}
		return `"data_base64":(` + printable(plain(inside)) + ")"
	})
	return printable(text)
}

func printable(text string) string {
	quoted := strconv.Quote(text)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

var markers = regexp.MustCompile(`s\d+\.e\d+(\.\d+)?`)

// nameIn is the name of the event that an envelope is of: as its id, or anywhere
// in it.
func nameIn(id string, envelope []byte) string {
	if marker := markers.FindString(id); marker != "" {
		return eventName(marker)
	}
	if marker := markers.Find(envelope); marker != nil {
		return eventName(string(marker))
	}
	for _, member := range base64Member.FindAllSubmatch(envelope, -1) {
		if inside, err := base64.StdEncoding.DecodeString(string(member[1])); err == nil {
			if name := nameIn("", inside); name != "" {
				return name
			}
		}
	}
	return ""
}
