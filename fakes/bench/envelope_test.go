package main

import (
	"bytes"
	"encoding/json"
	"testing"
)

// TestAllPathsCarryTheSame looks at what each handler is handed: the fake's
// envelope, byte for byte but for what it draws anew, and nothing else.
func TestAllPathsCarryTheSame(t *testing.T) {
	envelope, err := envelopeOf()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range paths() {
		t.Run(p.name, func(t *testing.T) {
			got := make(chan []byte, 1)
			o, err := p.open(envelope, func(b []byte) {
				select {
				case got <- bytes.Clone(b):
				default:
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := o.publish(); err != nil {
				t.Fatal(err)
			}
			if o.settled != nil {
				if err := o.settled(1); err != nil {
					t.Fatal(err)
				}
			}
			if err := o.close(); err != nil {
				t.Fatal(err)
			}
			switch p.carries {
			case nothing:
				return
			case dataAlone:
				if b := <-got; string(b) != data {
					t.Errorf("want %s\ngot  %s", data, b)
				}
			default:
				if want, b := without(t, envelope), without(t, <-got); !bytes.Equal(want, b) {
					t.Errorf("want %s\ngot  %s", want, b)
				}
			}
		})
	}
}

// without is an envelope less its id and its time. What stands in between is
// compared as it is.
func without(t *testing.T, envelope []byte) []byte {
	t.Helper()
	var e struct{ ID, Time string }
	if err := json.Unmarshal(envelope, &e); err != nil {
		t.Fatalf("%s: %v", envelope, err)
	}
	return bytes.Replace(bytes.Replace(envelope, []byte(e.ID), []byte("ID"), 1), []byte(e.Time), []byte("TIME"), 1)
}
