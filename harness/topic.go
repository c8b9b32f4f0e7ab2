package harness

import "context"

// Topic implements [world.Backend]: a topic is the Redis stream of its name
// in the component's database, from which Dapr's component deletes nothing.
func (b *backend) Topic(ctx context.Context, pubsub, topic string) ([][]byte, error) {
	var data [][]byte
	for from := "-"; ; {
		page, err := b.dbs.of(pubsub).XRangeN(ctx, topic, from, "+", 1000).Result()
		if err != nil {
			return nil, err
		}
		for _, message := range page {
			text, _ := message.Values["data"].(string)
			data = append(data, []byte(text))
		}
		if len(page) < 1000 {
			return data, nil
		}
		from = "(" + page[len(page)-1].ID
	}
}
