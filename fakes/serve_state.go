package fakes

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	common "github.com/dapr/dapr/pkg/proto/common/v1"
	runtime "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/eventproof/eventproof/fakes/state"
)

// Dapr's gRPC API of state stores.
//
// Source: dapr v1.16.0 pkg/api/grpc/grpc.go.

// stateStoreOf is the store, and its key for each of the app's.
func (d *daprServer) stateStoreOf(name string, keys ...string) (*stateStore, []string, error) {
	a := d.sidecar.app
	store, refused := a.stateStore(name, "")
	if refused != nil {
		return nil, nil, refused.grpc()
	}
	for i, key := range keys {
		var err error
		if keys[i], err = store.key(a.id, key); err != nil {
			return nil, nil, illegalKey(name, key, err, "grpc").grpc()
		}
	}
	return store, keys, nil
}

func (d *daprServer) GetState(ctx context.Context, in *runtime.GetStateRequest) (*runtime.GetStateResponse, error) {
	store, keys, err := d.stateStoreOf(in.GetStoreName(), in.GetKey())
	if err != nil {
		return nil, err
	}
	value, err := d.sidecar.getState(ctx, store, keys[0])
	if err != nil {
		return nil, getFailed(in.GetStoreName(), in.GetKey(), err).grpc()
	}
	return &runtime.GetStateResponse{Data: value.Data, Etag: value.ETag, Metadata: stateMetadata(value)}, nil
}

func (d *daprServer) GetBulkState(ctx context.Context, in *runtime.GetBulkStateRequest) (*runtime.GetBulkStateResponse, error) {
	store, keys, err := d.stateStoreOf(in.GetStoreName(), append([]string(nil), in.GetKeys()...)...)
	if err != nil {
		return nil, err
	}
	out := &runtime.GetBulkStateResponse{}
	values, err := d.sidecar.getStates(ctx, store, keys)
	if err != nil {
		return nil, status.Error(codes.Unknown, err.Error())
	}
	for i, value := range values {
		out.Items = append(out.Items, &runtime.BulkStateItem{Key: appKey(keys[i]), Data: value.Data, Etag: value.ETag, Metadata: stateMetadata(value)})
	}
	return out, nil
}

func (d *daprServer) SaveState(ctx context.Context, in *runtime.SaveStateRequest) (*emptypb.Empty, error) {
	store, _, err := d.stateStoreOf(in.GetStoreName())
	if err != nil {
		return nil, err
	}
	var requests []state.SetRequest
	for _, item := range in.GetStates() {
		if item.GetKey() == "" {
			return nil, bareError(codes.InvalidArgument, http.StatusBadRequest, "ERR_STATE_SAVE", "state key cannot be empty").grpc()
		}
		key, err := store.key(d.sidecar.app.id, item.GetKey())
		if err != nil {
			return nil, illegalKey(in.GetStoreName(), item.GetKey(), err, "grpc").grpc()
		}
		request := setRequest(key, item)
		if item.GetMetadata()["contentType"] == "application/json" && !store.encrypted {
			request.Value = nil
			if err := json.Unmarshal(item.GetValue(), &request.Value); err != nil {
				return nil, status.Error(codes.Unknown, err.Error())
			}
		}
		requests = append(requests, request)
	}
	if len(requests) == 0 {
		return &emptypb.Empty{}, nil
	}
	if err := inBulk(ctx, d.sidecar, store, requests, store.store.SetAll); err != nil {
		return nil, saveFailed(in.GetStoreName(), err, "grpc").grpc()
	}
	return &emptypb.Empty{}, nil
}

func (d *daprServer) DeleteState(ctx context.Context, in *runtime.DeleteStateRequest) (*emptypb.Empty, error) {
	store, keys, err := d.stateStoreOf(in.GetStoreName(), in.GetKey())
	if err != nil {
		return nil, err
	}
	request := deleteRequest(keys[0], in)
	if err := d.sidecar.underPolicy(ctx, store, never, func() error { return store.store.Delete(request) }); err != nil {
		return nil, deleteFailed(in.GetKey(), err, "grpc").grpc()
	}
	return &emptypb.Empty{}, nil
}

func (d *daprServer) DeleteBulkState(ctx context.Context, in *runtime.DeleteBulkStateRequest) (*emptypb.Empty, error) {
	var keys []string
	for _, item := range in.GetStates() {
		keys = append(keys, item.GetKey())
	}
	store, keys, err := d.stateStoreOf(in.GetStoreName(), keys...)
	if err != nil {
		return nil, err
	}
	var requests []state.DeleteRequest
	for i, item := range in.GetStates() {
		requests = append(requests, deleteRequest(keys[i], item))
	}
	if err := inBulk(ctx, d.sidecar, store, requests, store.store.DeleteAll); err != nil {
		return nil, bulkDeleteFailed(in.GetStoreName(), err).grpc()
	}
	return &emptypb.Empty{}, nil
}

func (d *daprServer) ExecuteStateTransaction(ctx context.Context, in *runtime.ExecuteStateTransactionRequest) (*emptypb.Empty, error) {
	store, _, err := d.stateStoreOf(in.GetStoreName())
	if err != nil {
		return nil, err
	}
	var operations []state.Operation
	for _, o := range in.GetOperations() {
		item := o.GetRequest()
		key, err := store.key(d.sidecar.app.id, item.GetKey())
		if err != nil {
			return nil, illegalKey(in.GetStoreName(), item.GetKey(), err, "grpc").grpc()
		}
		switch o.GetOperationType() {
		case "upsert":
			operations = append(operations, setRequest(key, item))
		case "delete":
			operations = append(operations, deleteRequest(key, item))
		default:
			return nil, operationUnsupported(o.GetOperationType()).grpc()
		}
	}
	switch err := d.sidecar.transact(ctx, store, operations, d.sidecar.cause(ctx)); {
	case errors.Is(err, errDaprdPanics):
		return nil, status.Error(codes.Unavailable, err.Error())
	case err != nil:
		return nil, stateErrorOf(err).grpc()
	}
	return &emptypb.Empty{}, nil
}

func (d *daprServer) QueryStateAlpha1(_ context.Context, in *runtime.QueryStateRequest) (*runtime.QueryStateResponse, error) {
	return nil, d.sidecar.app.queryState(in.GetStoreName()).grpc()
}

// getState is the value of the store's key.
func (s *sidecar) getState(ctx context.Context, store *stateStore, key string) (value state.Value, err error) {
	err = s.underPolicy(ctx, store, never, func() error { value = store.store.Get(key); return nil })
	return value, err
}

// getStates are the values of the store's keys; for no key it is not asked.
func (s *sidecar) getStates(ctx context.Context, store *stateStore, keys []string) (values []state.Value, err error) {
	if len(keys) == 0 {
		return nil, nil
	}
	err = s.underPolicy(ctx, store, never, func() error { values = store.store.GetAll(keys); return nil })
	return values, err
}

func setRequest(key string, item *common.StateItem) state.SetRequest {
	return state.SetRequest{Key: key, Value: item.GetValue(), ETag: etagOf(item), Metadata: item.GetMetadata(), Options: optionsOf(item)}
}

// removal is a request to delete, alone or in bulk or a transaction.
type removal interface {
	GetEtag() *common.Etag
	GetOptions() *common.StateOptions
}

func deleteRequest(key string, item removal) state.DeleteRequest {
	return state.DeleteRequest{Key: key, ETag: etagOf(item), Options: optionsOf(item)}
}

func etagOf(item removal) *string {
	if item.GetEtag() == nil {
		return nil
	}
	return &item.GetEtag().Value
}

// optionsOf leaves out what daprd does not know.
func optionsOf(item removal) (o state.SetStateOption) {
	switch item.GetOptions().GetConsistency() {
	case common.StateOptions_CONSISTENCY_EVENTUAL:
		o.Consistency = state.Eventual
	case common.StateOptions_CONSISTENCY_STRONG:
		o.Consistency = state.Strong
	}
	switch item.GetOptions().GetConcurrency() {
	case common.StateOptions_CONCURRENCY_FIRST_WRITE:
		o.Concurrency = state.FirstWrite
	case common.StateOptions_CONCURRENCY_LAST_WRITE:
		o.Concurrency = state.LastWrite
	}
	return o
}
