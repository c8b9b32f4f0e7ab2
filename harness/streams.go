package harness

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis Streams as Dapr's component uses them: a stream for each topic, whose
// entries have the fields data (the envelope) and metadata; a consumer group
// for each app; entries are never deleted.
// Source: components-contrib pubsub/redis/redis.go.

// message is an entry of a stream.
type message struct {
	id    string // in the stream: 1700000000000-0
	event string // CloudEvents id; "" where the data is no CloudEvent
	data  string
}

func newMessage(m redis.XMessage) message {
	data, _ := m.Values["data"].(string)
	return message{id: m.ID, event: eventID(data), data: data}
}

func eventID(data string) string {
	var e struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal([]byte(data), &e) // what is not JSON has no id
	return e.ID
}

// envelope finds what was published under an id, the newest first.
func envelope(ctx context.Context, db *redis.Client, topic, id string) ([]byte, error) {
	end := "+"
	for count := int64(4); ; count = min(count*4, 1000) {
		page, err := db.XRevRangeN(ctx, topic, end, "-", count).Result()
		if err != nil {
			return nil, fmt.Errorf("read topic %s: %w", topic, err)
		}
		for _, m := range page {
			if data, _ := m.Values["data"].(string); strings.Contains(data, id) && eventID(data) == id {
				return []byte(data), nil
			}
		}
		if int64(len(page)) < count {
			return nil, fmt.Errorf("topic %s holds no event with id %s", topic, id)
		}
		end = "(" + page[len(page)-1].ID
	}
}

// standing is what Redis holds at one moment.
type standing struct {
	groups  map[groupKey]groupState
	waiting []waiting
	unread  []groupKey // that have entries to read yet
	print   string     // equal prints: nothing moved
}

type groupKey struct {
	stream
	group string
}

type groupState struct {
	last    string // the last entry that was read
	pending map[string]bool
}

// waiting is an entry that a group has read and not acknowledged.
type waiting struct {
	groupKey
	id     string
	idle   time.Duration // since it was last given out
	rounds int           // how often it was given out
}

// stand looks at all streams.
func stand(ctx context.Context, dbs *databases) (standing, error) {
	s := standing{groups: make(map[groupKey]groupState)}
	for n, db := range dbs.clients {
		if err := s.add(ctx, n, db); err != nil {
			return s, err
		}
	}
	return s, nil
}

// add looks at the streams of one database.
func (s *standing) add(ctx context.Context, n int, db *redis.Client) error {
	topics, err := topics(ctx, db)
	if err != nil {
		return err
	}
	pipe := db.TxPipeline() // one moment
	infos := make([]*redis.XInfoGroupsCmd, len(topics))
	newest := make([]*redis.XMessageSliceCmd, len(topics))
	for i, topic := range topics {
		infos[i] = pipe.XInfoGroups(ctx, topic)
		newest[i] = pipe.XRevRangeN(ctx, topic, "+", "-", 1)
	}
	if len(topics) > 0 {
		if _, err := pipe.Exec(ctx); err != nil {
			return fmt.Errorf("read consumer groups: %w", err)
		}
	}
	var print strings.Builder
	for i, topic := range topics {
		for _, g := range infos[i].Val() {
			key := groupKey{stream{n, topic}, g.Name}
			state := groupState{last: g.LastDeliveredID}
			// Not by lag, which Redis does not always know, and go-redis then
			// gives as 0. Entries are never deleted.
			unread := false
			for _, m := range newest[i].Val() {
				unread = compareIDs(g.LastDeliveredID, m.ID) < 0
			}
			if unread {
				s.unread = append(s.unread, key)
			}
			if g.Pending > 0 {
				pending, err := db.XPendingExt(ctx, &redis.XPendingExtArgs{Stream: topic, Group: g.Name, Start: "-", End: "+", Count: g.Pending + 100}).Result()
				if err != nil {
					return fmt.Errorf("read what is pending on %s: %w", topic, err)
				}
				state.pending = make(map[string]bool, len(pending))
				for _, p := range pending {
					state.pending[p.ID] = true
					s.waiting = append(s.waiting, waiting{groupKey: key, id: p.ID, idle: p.Idle, rounds: int(p.RetryCount)})
				}
			}
			s.groups[key] = state
			fmt.Fprintf(&print, "%d %s %s %s %d %t\n", n, topic, g.Name, g.LastDeliveredID, g.Pending, unread)
		}
	}
	s.print += print.String()
	return nil
}

// topics are the streams, in order.
func topics(ctx context.Context, db *redis.Client) ([]string, error) {
	var all []string
	scan := db.ScanType(ctx, 0, "*", 1000, "stream").Iterator()
	for scan.Next(ctx) {
		all = append(all, scan.Val())
	}
	if err := scan.Err(); err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	slices.Sort(all)
	return slices.Compact(all), nil // SCAN may name a key twice
}

// compareIDs orders stream ids: milliseconds, then sequence.
func compareIDs(a, b string) int {
	parse := func(id string) (ms, seq uint64) {
		first, second, _ := strings.Cut(id, "-")
		ms, _ = strconv.ParseUint(first, 10, 64)
		seq, _ = strconv.ParseUint(second, 10, 64)
		return ms, seq
	}
	ams, aseq := parse(a)
	bms, bseq := parse(b)
	return cmp.Or(cmp.Compare(ams, bms), cmp.Compare(aseq, bseq))
}
