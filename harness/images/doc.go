// Images builds the two container images of eventproof's harness on a machine
// that cannot pull them: eventproof/daprd from Dapr's own source, as the Go
// module proxy serves it, and eventproof/redis from the redis-server of this
// machine. Both stand on nothing else (FROM scratch). The harness takes them
// where the official ones cannot be had, and says so.
//
//	go -C harness/images run .
//
// # daprd
//
// It is compiled as Dapr's release is: no cgo, build tag stablecomponents, the
// version set by the linker (github.com/dapr/dapr Makefile, DEFAULT_LDFLAGS).
// Which version follows from this module's go.mod. The image is laid out like
// the official one (docker/Dockerfile): /daprd, no entrypoint, user 65532.
// The program is kept in the user's cache directory under eventproof/; with
// -program, one for this machine is made and its path printed, and no image.
//
// # redis
//
// The redis-server found in PATH, with the shared libraries that ldd lists,
// the dynamic loader among them. It works as redis:7 does where the command
// line names the program: redis-server --save "" …
//
// # Limits
//
// Redis is not compiled: on macOS and Windows, whose redis-server does not run
// in a Linux container, only daprd is built.
package main
