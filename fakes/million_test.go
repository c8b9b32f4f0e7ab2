package fakes_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eventproof/eventproof/contract"
	"github.com/eventproof/eventproof/contract/journal"
	"github.com/eventproof/eventproof/fakes"
	"github.com/eventproof/eventproof/fakes/faults"
	"github.com/eventproof/eventproof/fakes/world"
)

// counts is an app that counts what it is given by the event's number.
type counts struct {
	topic string
	got   []uint8
	wrong int // deliveries of what nobody sent
}

func (c *counts) start(context.Context, world.Sidecar) (world.Endpoint, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /dapr/subscribe", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `[{"pubsubname":"pubsub","topic":%q,"route":"/count"}]`, c.topic)
	})
	mux.HandleFunc("POST /count", func(_ http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.Header.Get("Cloudevent.id"))
		if err != nil || n >= len(c.got) {
			c.wrong++
			return
		}
		c.got[n]++
	})
	return world.HTTP(mux), nil
}

// TestMillionEvents sends events to 8 consumers: nothing is lost and nothing comes
// twice; with the journal streamed to a file, memory at the end is what it was
// after a tenth. EVENTPROOF_FULL makes it the million.
func TestMillionEvents(t *testing.T) {
	events := 20_000
	if raceDetector {
		events = 50_000
	}
	if testing.Short() {
		events = 5_000
	}
	if os.Getenv("EVENTPROOF_FULL") != "" && !raceDetector {
		events = 1_000_000
	}
	t.Run("1000, read back", func(t *testing.T) {
		w, file := streamToFile(t, 1000)
		read, err := journal.Read(file)
		require.NoError(t, err)
		require.Equal(t, w.Journal().Len(), read.Len())
		require.Empty(t, journal.CheckDelivered(read), "the file is the whole journal")
	})
	t.Run(strconv.Itoa(events), func(t *testing.T) {
		w, file := streamToFile(t, events)
		lines := 0
		for scanner := bufio.NewScanner(file); scanner.Scan(); lines++ {
			require.NotEmpty(t, scanner.Bytes())
		}
		require.Greater(t, lines, w.Journal().Len(), "each entry, and a head")
	})
}

// streamToFile sends the events and counts them, and gives back the closed world and
// the file that its journal is in.
func streamToFile(t *testing.T, events int) (*world.World, *os.File) {
	t.Helper()
	const consumers, atOnce = 8, 500
	file, err := os.Create(filepath.Join(t.TempDir(), "journal.jsonl"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = file.Close() })
	buffer := bufio.NewWriterSize(file, 1<<20)
	w, err := fakes.New(t.Context(), world.Config{JournalTo: buffer})
	require.NoError(t, err)
	apps := make([]*counts, consumers)
	for i := range apps {
		apps[i] = &counts{topic: "orders", got: make([]uint8, events)}
		require.NoError(t, w.AttachContext(t.Context(), "consumer-"+strconv.Itoa(i), apps[i].start))
	}
	var early uint64
	for n := range events {
		require.NoError(t, w.SendFrom(t.Context(), "publisher", contract.Event{ID: strconv.Itoa(n), Topic: "orders", Data: []byte(`{"n":1}`)}))
		if (n+1)%atOnce == 0 {
			settle(t, w)
		}
		if n+1 == events/10 {
			early = heapInUse()
		}
	}
	settle(t, w)
	late := heapInUse()
	held, err := w.Topic(t.Context(), world.DefaultPubSub, "orders")
	require.NoError(t, err)
	require.Empty(t, held, "what all groups have acknowledged is let go")
	require.NoError(t, w.Close())
	require.NoError(t, buffer.Flush())
	for i, app := range apps {
		require.Zero(t, app.wrong)
		for n, times := range app.got {
			if times != 1 {
				t.Fatalf("consumer %d got event %d %d times", i, n, times)
			}
		}
	}
	const entries = 1 + 3*consumers // of an event: published; delivered, answered, acknowledged
	require.Equal(t, consumers*2+1+events*entries, w.Journal().Len())
	t.Logf("%d events: heap %d kB after a tenth, %d kB at the end", events, early>>10, late>>10)
	if late > early+1<<20 {
		t.Errorf("the heap grew from %d to %d bytes", early, late)
	}
	_, err = file.Seek(0, io.SeekStart)
	require.NoError(t, err)
	return w, file
}

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestAWorldThatStreamsItsJournalLetsGoOfWhatIsDone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var written bytes.Buffer
		w := fakes.Start(t, world.Config{JournalTo: &written})
		send(t, w, event("0", "orders"), event("0", "audit"))
		var held [][]byte // while one group has not done with event 2
		failed := false
		one := &inbox{subscriptions: []subscription{on("orders")}}
		two := &inbox{subscriptions: []subscription{on("orders")}, answer: func(rw http.ResponseWriter, _ *http.Request, e contract.Event) {
			if e.ID == "2" && !failed {
				failed = true
				rw.WriteHeader(500)
			} else if e.ID == "2" {
				held, _ = w.Topic(t.Context(), world.DefaultPubSub, "orders")
			}
		}}
		w.Attach("one", one.start)
		w.Attach("two", two.start)
		send(t, w, event("1", "orders"), event("2", "orders"), event("3", "orders"))
		settle(t, w)
		require.Len(t, held, 2, "the one that a group still holds, and what stands after it")
		held, err := w.Topic(t.Context(), world.DefaultPubSub, "orders")
		require.NoError(t, err)
		require.Empty(t, held)

		late := &inbox{subscriptions: []subscription{on("orders"), on("audit")}}
		w.Attach("late", late.start)
		send(t, w, event("4", "orders"))
		settle(t, w)
		require.Equal(t, []string{"0", "4"}, late.ids(), "what no group has read yet is there for a new one, and what all have is not")
		require.Equal(t, []string{"0", "1", "2", "3", "4"}, one.ids())

		err = w.Inject(t.Context(), faults.Redeliver{})
		require.ErrorIs(t, err, errors.ErrUnsupported)
		require.ErrorContains(t, err, "JournalTo")
		require.NotEmpty(t, journal.CheckDelivered(w.Journal()), "a check from memory says that the journal was streamed")
		require.NoError(t, w.Close())
		read, err := journal.Read(&written)
		require.NoError(t, err)
		require.Equal(t, w.Journal().Len(), read.Len())
	})
}

func TestAStreamedJournalThatCannotBeWrittenFailsClose(t *testing.T) {
	w, err := fakes.New(t.Context(), world.Config{JournalTo: fullDisk{}})
	require.NoError(t, err)
	require.ErrorContains(t, w.Close(), "stream journal: no space left")
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }
