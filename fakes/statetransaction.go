package fakes

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/eventproof/eventproof/fakes/state"
)

// A transaction over HTTP is decoded in two steps, the second of which takes
// names in any case and has errors of its own: see stateDecoder. daprd's errors
// of the first say the names of these types.
//
// Source: dapr v1.16.0 pkg/api/http/http.go onPostStateTransaction.
type stateTransactionRequestBody struct {
	Operations []stateTransactionRequestBodyOperation `json:"operations"`
	Metadata   map[string]string                      `json:"metadata,omitempty"`
}

type stateTransactionRequestBodyOperation struct {
	Operation string      `json:"operation"`
	Request   interface{} `json:"request"`
}

func (s *sidecar) serveStateTransaction(w http.ResponseWriter, r *http.Request, store *stateStore) {
	var in stateTransactionRequestBody
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		malformed("failed deserializing HTTP body: " + daprTypes.Replace(err.Error())).write(w)
		return
	}
	operations := make([]state.Operation, 0, len(in.Operations))
	for _, o := range in.Operations {
		operation, err := s.stateOperation(store, o, queryMetadata(r))
		if err != nil {
			err.write(w)
			return
		}
		operations = append(operations, operation)
	}
	if len(operations) == 0 {
		noContent(w)
		return
	}
	switch err := s.transact(r.Context(), store, operations, 0); {
	case errors.Is(err, errDaprdPanics):
		panic(http.ErrAbortHandler) // net/http closes the connection without an answer, as daprd's does
	case err != nil:
		stateErrorOf(err).write(w)
	default:
		noContent(w)
	}
}

// stateOperation reads one operation. Of the metadata only the query's reaches
// it: that of the body is the store's alone, where it makes no difference.
func (s *sidecar) stateOperation(store *stateStore, o stateTransactionRequestBodyOperation, metadata map[string]string) (state.Operation, *stateError) {
	inStore := func(decodeErr error, key *string) *stateError {
		if decodeErr != nil {
			return malformed("failed deserializing HTTP body: " + decodeErr.Error())
		}
		k, err := store.key(s.app.id, *key)
		if err != nil {
			return illegalKey(store.component.Name, "", err, "http")
		}
		*key = k
		return nil
	}
	switch o.Operation {
	case "upsert":
		set, decodeErr := decodeSet(o.Request)
		if err := inStore(decodeErr, &set.Key); err != nil {
			return nil, err
		}
		set.Metadata = withMetadata(set.Metadata, metadata)
		return set, nil
	case "delete":
		remove, decodeErr := decodeDelete(o.Request)
		if err := inStore(decodeErr, &remove.Key); err != nil {
			return nil, err
		}
		return remove, nil
	}
	return nil, operationUnsupported(o.Operation)
}

// transact carries a transaction out, with the events of the outbox before it.
// The error is a *stateError or errDaprdPanics.
func (s *sidecar) transact(ctx context.Context, store *stateStore, operations []state.Operation, cause int) error {
	for i, o := range operations {
		if set, ok := o.(state.SetRequest); ok {
			set.Value = store.sealed(set.Value)
			operations[i] = set
		}
	}
	if store.outbox != nil {
		var err error
		if operations, err = s.world.sendOutbox(s.app, store.outbox, operations, cause); err != nil {
			if errors.Is(err, errDaprdPanics) {
				return err
			}
			return outboxFailed(s.app.id, err)
		}
	}
	if err := s.underPolicy(ctx, store, never, func() error { return store.store.Transact(operations) }); err != nil {
		return transactionFailed(err)
	}
	return nil
}

// stateErrorOf is the stateError that the error is.
func stateErrorOf(err error) *stateError {
	var e *stateError
	if errors.As(err, &e) {
		return e
	}
	return transactionFailed(err)
}
