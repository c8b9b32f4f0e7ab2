// Package resources reads Dapr's YAML, Component, Subscription (v1alpha1 and
// v2alpha1), Resiliency and Configuration, as daprd 1.16 in standalone mode
// reads it, and says what daprd does not say: which fields it ignores, which
// values it replaces by a default, which documents it never opens.
//
// [Load] gives a [Set]. [Set.For] is what one app's daprd sees of it,
// [Set.Inbound] and [Set.Outbound] the resiliency policy in effect, and
// [Substitute] writes the resources out again for another broker.
//
// # Errors and warnings
//
// An error is what stops daprd, and what makes it leave out a document with no
// more than a line in its log: text that is not YAML, a value of the wrong
// type, two components of one name, Redis metadata that does not decode, a
// circuit breaker that is named and not defined. A template ({{ … }}) is an
// error too: daprd would take it literally.
//
// A [Warning] is what daprd does not mention at all: unknown and misplaced
// fields, redeliverInterval: "60s", the consumer group under another spelling,
// a Resiliency that is not the first document of its file, a policy that
// nothing uses. Each says what to write instead.
//
// # Values
//
// Values are those of sigs.k8s.io/yaml, as in daprd: YAML 1.1, so that yes is
// true, 010 is 8 and field names match in any case. A duration in a Resiliency
// is a Go duration, or an integer, which is milliseconds.
//
// # Not read
//
// HTTPEndpoint resources are kept in [Set.Files] and not looked into. CEL
// expressions are kept as text. Namespaces are ignored, as daprd ignores them
// where the variable NAMESPACE is not set. Secrets are never read and never
// printed.
//
// # Limits
//
// A document that the YAML 1.2 parser go.yaml.in/yaml/v3 cannot read, or whose
// aliases stand for more than 100,000 values, is an error even where daprd
// reads it.
//
// # Sources
//
// D16 is github.com/dapr/dapr at v1.16.0, C16 github.com/dapr/components-contrib
// at v1.16.0, kit github.com/dapr/kit at v0.16.1.
package resources
