package fakes

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/eventproof/eventproof/contract/resources"
	"github.com/eventproof/eventproof/fakes/state"
)

// stateStore is a state component as one app's sidecar has it.
type stateStore struct {
	component resources.Component
	store     *state.Store
	// prefix is the component's keyPrefix: appid, name, none, namespace, or a
	// text of its own.
	prefix string
	// encrypted: see encrypts.
	encrypted bool
	outbox    *outbox // nil: none
}

// stateCapabilities are those that daprd lists of state.in-memory.
var stateCapabilities = []string{"ETAG", "TRANSACTIONAL", "TTL", "DELETE_WITH_PREFIX", "ACTOR"}

const inMemoryState = "state.in-memory"

func isState(c resources.Component) bool { return strings.HasPrefix(c.Type, "state.") }

// stateStores makes the state stores of an app's sidecar. A state.in-memory is
// the sidecar's own; what stands for another product is shared by those who would
// share that. set is what the app's resources are a part of. The engine's lock is held.
func (w *backend) stateStores(a *app, set *resources.Set) map[string]*stateStore {
	stores := make(map[string]*stateStore)
	for _, c := range a.resources.Components {
		if !isState(c) || unknownVersion(c) {
			continue
		}
		s := &stateStore{component: c, encrypted: encrypts(c)}
		if strings.EqualFold(c.Type, inMemoryState) {
			s.store = state.New(w.newID)
		} else {
			place := stateOf(c)
			if w.states[place] == nil {
				if w.states == nil {
					w.states = make(map[string]*state.Store)
				}
				w.states[place] = state.New(w.newID)
			}
			s.store = w.states[place]
			s.component.Type, s.component.Version = inMemoryState, "v1"
		}
		var err error
		if s.prefix, err = keyPrefix(c); err == nil { // daprd goes on without where the component may fail: see checkStates
			s.outbox = outboxOf(set, c)
		}
		stores[c.Name] = s
	}
	return stores
}

// stateOf says what a component's state lies in: the Redis that the team's YAML
// names, else the component itself.
func stateOf(c resources.Component) string {
	host, ok := c.Value("redisHost")
	if _, product, _ := strings.Cut(strings.ToLower(c.Type), "."); !ok || host == "" || product != "redis" {
		return fmt.Sprintf("the component %s of %s", c.Name, c.Place)
	}
	db, _ := c.Value("redisDB")
	return host + "/" + db
}

// encrypts reports whether daprd encrypts what the store holds. The fake reads
// no secrets, and what is encrypted comes back decrypted: all that an app sees of it
// is that values become text on the way, for which see sealed.
//
// Source: dapr v1.16.0 pkg/encryption/encryption.go ComponentEncryptionKey.
func encrypts(c resources.Component) bool {
	return c.SecretStore != "" && slices.ContainsFunc(c.Metadata, func(m resources.MetadataItem) bool {
		return m.Name == "primaryEncryptionKey" && (m.SecretRef.Name != "" || m.Value != "")
	})
}

const keySeparator = "||"

func checkKey(key string) error {
	if strings.Contains(key, keySeparator) {
		return fmt.Errorf("input key/keyPrefix '%s' can't contain '%s'", key, keySeparator)
	}
	return nil
}

// keyPrefix is the component's setting of that name, whatever its case.
//
// Source: dapr v1.16.0 pkg/components/state/state_config.go SaveStateConfiguration.
func keyPrefix(c resources.Component) (string, error) {
	prefix, ok := c.Value("keyPrefix")
	if !ok {
		return "appid", nil
	}
	prefix = strings.ToLower(prefix)
	if err := checkKey(prefix); err != nil {
		return "appid", err
	}
	return prefix, nil
}

// key is the app's key as the store has it.
//
// Source: dapr v1.16.0 pkg/components/state/state_config.go GetModifiedStateKey;
// namespace is daprd's variable NAMESPACE, which is not set here.
func (s *stateStore) key(app, key string) (string, error) {
	if err := checkKey(key); err != nil {
		return "", err
	}
	switch s.prefix {
	case "none":
		return key, nil
	case "name":
		return s.component.Name + keySeparator + key, nil
	case "appid", "namespace":
		return app + keySeparator + key, nil
	}
	return s.prefix + keySeparator + key, nil
}

// appKey is the key of the store as the app is told it: daprd takes what is
// behind the first separator, up to another.
func appKey(key string) string {
	if parts := strings.SplitN(key, keySeparator, 3); len(parts) > 1 {
		return parts[1]
	}
	return key
}

// sealed is a value on its way into the store.
//
// Source: dapr v1.16.0 pkg/api/http/http.go onPostState, onPostStateTransaction;
// pkg/api/grpc/grpc.go ExecuteStateTransaction, which formats the bytes as a list
// of numbers.
func (s *stateStore) sealed(value any) any {
	if !s.encrypted {
		return value
	}
	return []byte(fmt.Sprintf("%v", value))
}

// stateStore is the app's store of that name. told is the app's id where the
// error says it.
func (a *app) stateStore(name, told string) (*stateStore, *stateError) {
	if len(a.states) == 0 {
		return nil, storeNotConfigured(name, told)
	}
	s, ok := a.states[name]
	if !ok {
		return nil, storeNotFound(name, told)
	}
	return s, nil
}

// stateComponents are the app's state components, by name.
func (a *app) stateComponents() []resources.Component {
	var all []resources.Component
	for _, name := range slices.Sorted(maps.Keys(a.states)) {
		all = append(all, a.states[name].component)
	}
	return all
}

// unknownVersion reports whether daprd has no such state.in-memory.
func unknownVersion(c resources.Component) bool {
	return strings.EqualFold(c.Type, inMemoryState) && !slices.Contains([]string{"", "v0", "v1"}, strings.ToLower(c.Version))
}

// checkStates refuses what daprd does not start with, and what the fake cannot
// show.
//
// Source: dapr v1.16.0 pkg/runtime/processor/state/state.go Init.
func checkStates(set *resources.Set) error {
	var errs []error
	for _, c := range set.Components {
		if !isState(c) {
			continue
		}
		if _, err := keyPrefix(c); err != nil && !c.IgnoreErrors {
			errs = append(errs, fmt.Errorf("%s: state store %s: daprd does not start (failed to save lock keyprefix): %w; write a keyPrefix without it", c.Place, c.Name, err))
		}
		if unknownVersion(c) && !c.IgnoreErrors {
			errs = append(errs, fmt.Errorf("%s: state store %s: daprd does not start (couldn't find state store %s/%s); write version: v1", c.Place, c.Name, c.Type, c.Version))
		}
		if encrypts(c) && outboxOf(set, c) != nil {
			errs = append(errs, fmt.Errorf("%s: state store %s: its outbox would publish what daprd encrypted: not simulated; remove primaryEncryptionKey or the outbox", c.Place, c.Name))
		}
	}
	return errors.Join(errs...)
}
