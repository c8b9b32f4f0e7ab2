package harness

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/eventproof/eventproof/contract/resources"
)

// maxDatabases is how many logical databases a Redis has by default.
const maxDatabases = 16

// stream is where a topic's events lie: topics of the same name in different
// databases have nothing to do with each other.
type stream struct {
	db    int
	topic string
}

// databases are the logical databases of the world's Redis. The team's pubsub
// components may be different brokers, and here they are one: each gets a
// database of its own, unless the team's YAML gives them the same one.
type databases struct {
	numbers map[string]int  // by component
	clients []*redis.Client // by number; made when Redis runs
}

// allot numbers the databases: first the components that are defined, then
// those that are only named.
func allot(set *resources.Set, named []string) (map[string]int, error) {
	numbers, brokers, next := make(map[string]int), make(map[[2]string]int), 0
	for _, c := range set.PubSubs() {
		broker, known := brokerOf(c)
		if n, ok := brokers[broker]; ok && known {
			numbers[c.Name] = n
			continue
		}
		if known {
			brokers[broker] = next
		}
		numbers[c.Name] = next
		next++
	}
	for _, name := range named {
		if _, ok := numbers[name]; !ok {
			numbers[name] = next
			next++
		}
	}
	if next > maxDatabases {
		return nil, fmt.Errorf("%d pubsub components (%s) need a Redis database each, and a Redis has %d: give those that are one broker the same redisHost and redisDB, or start the world with fewer of them",
			next, strings.Join(slices.Sorted(maps.Keys(numbers)), ", "), maxDatabases)
	}
	return numbers, nil
}

// brokerOf is the team's own Redis: host and database. Not known for another
// broker, or where no host is given.
func brokerOf(c resources.Component) (broker [2]string, known bool) {
	if !c.IsRedis() {
		return broker, false
	}
	for i, name := range []string{"redisHost", "redisDB"} {
		for _, m := range c.Metadata {
			if strings.EqualFold(m.Name, name) {
				broker[i] = strings.Trim(strings.Join([]string{m.Value, m.SecretRef.Name, m.SecretRef.Key, m.EnvRef}, "\n"), "\n")
			}
		}
	}
	if broker[1] == "" {
		broker[1] = "0" // as Redis has it
	}
	return broker, broker[0] != ""
}

// connect makes a client for each database.
func (d *databases) connect(address string) {
	count := 1
	for _, n := range d.numbers {
		count = max(count, n+1)
	}
	for n := range count {
		d.clients = append(d.clients, redis.NewClient(&redis.Options{Addr: address, DB: n}))
	}
}

// of is the client for a component's database; for a component that there is
// none of, where daprd neither publishes nor subscribes, that of the first.
func (d *databases) of(pubsub string) *redis.Client { return d.clients[d.numbers[pubsub]] }

func (d *databases) stream(pubsub, topic string) stream { return stream{d.numbers[pubsub], topic} }

// streams are all that there are, in order.
func (d *databases) streams(ctx context.Context) ([]stream, error) {
	var all []stream
	for n, client := range d.clients {
		names, err := topics(ctx, client)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			all = append(all, stream{n, name})
		}
	}
	return all, nil
}

func (d *databases) close() error {
	var errs []error
	for _, client := range d.clients {
		errs = append(errs, client.Close())
	}
	return errors.Join(errs...)
}
