package world

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
)

// handlerTransport calls an http.Handler as net/http's server would, without a
// connection.
type handlerTransport struct{ handler http.Handler }

// ErrReset is what a caller sees of an app whose handler panicked: net/http
// closes the connection without an answer.
var ErrReset = errors.New("connection reset by the app")

// PanicError is the [ErrReset] of a handler that panicked, with its stack.
type PanicError struct {
	Value any
	Stack []byte
}

func (p *PanicError) Error() string {
	return fmt.Sprintf("%v: its handler panicked: %v", ErrReset, p.Value)
}
func (p *PanicError) Unwrap() error { return ErrReset }

// Frames are the first frames of the stack below the panic, the app's own.
func (p *PanicError) Frames() string {
	lines := strings.Split(strings.TrimSpace(string(p.Stack)), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "panic(") {
			lines = lines[min(i+2, len(lines)):] // the call and its place
			break
		}
	}
	if len(lines) > 16 {
		lines = append(lines[:16], "…")
	}
	return strings.Join(lines, "\n")
}

func (t handlerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	defer r.Body.Close()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel() // as net/http's server does when the handler returns
	status, header, body, err := Serve(t.handler, r.Clone(ctx))
	if err == nil && r.Context().Err() != nil {
		err = context.Cause(r.Context())
	}
	if err != nil {
		return nil, err
	}
	if header == nil {
		header = make(http.Header)
	}
	if header.Get("Content-Length") == "" {
		header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), StatusCode: status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}, nil
}

// Serve calls a handler as net/http's server would, without a connection, and
// returns its answer: the header is nil where the handler set none. The request,
// its URL and its header are the handler's. The error is a [PanicError].
func Serve(handler http.Handler, in *http.Request) (status int, header http.Header, body []byte, err error) {
	in.RequestURI = in.URL.RequestURI()
	in.RemoteAddr = "127.0.0.1:0"
	in.Proto, in.ProtoMajor, in.ProtoMinor = "HTTP/1.1", 1, 1
	if in.Host == "" {
		in.Host = in.URL.Host
	}
	w := new(response)
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	handler.ServeHTTP(w, in)
	w.WriteHeader(http.StatusOK)
	return w.status, w.sent, w.body.Bytes(), nil
}

// response collects what a handler writes. The status is fixed by the first
// WriteHeader above 1xx, or by the first Write, as in net/http.
type response struct {
	header http.Header
	sent   http.Header
	status int
	body   bytes.Buffer
}

func (w *response) Header() http.Header {
	if w.header == nil {
		w.header = make(http.Header)
	}
	return w.header
}

func (w *response) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status, w.sent = status, w.header.Clone()
	}
}

func (w *response) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.status == http.StatusNoContent || w.status == http.StatusNotModified {
		return 0, http.ErrBodyNotAllowed
	}
	return w.body.Write(b)
}

// Flush is there for handlers that ask for an http.Flusher.
func (w *response) Flush() { w.WriteHeader(http.StatusOK) }
