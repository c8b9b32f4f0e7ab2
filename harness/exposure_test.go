//go:build linux

package harness_test

import (
	"encoding/hex"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/eventproof/eventproof/fakes/world"
	"github.com/eventproof/eventproof/harness"
)

// A test must not open a service to the network that a laptop happens to be in.
func TestNothingListensToTheOutside(t *testing.T) {
	if !hasBridge(t) {
		t.Skip("this process runs in a container, or beside an engine in a virtual machine: every address here is an inner one")
	}
	before := listening(t)
	w := harness.Start(t, world.Config{})
	w.Attach("worker", app{topics: map[string]string{"orders": ""}, answer: succeed}.start)
	sidecar, err := w.Sidecar(t.Context(), "worker")
	if err != nil {
		t.Fatal(err)
	}
	places, err := harness.Addresses(w)
	if err != nil {
		t.Fatal(err)
	}
	own := slices.DeleteFunc(listening(t), func(a string) bool { return slices.Contains(before, a) })
	if len(own) != 3 {
		t.Errorf("want three sockets (the app's proxy, and the API's over gRPC and HTTP), got %v", own)
	}
	d := places.Daprd["worker"]
	for _, address := range append(own, places.Redis, d.GRPC, d.HTTP, sidecar.GRPCAddress(), sidecar.HTTPAddress()) {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			t.Errorf("%q: %v", address, err)
			continue
		}
		if !at.Addr().IsLoopback() && !onBridge(t, at.Addr()) {
			t.Errorf("%s can be reached from outside: want loopback or a container bridge", address)
		}
	}
}

func isBridge(name string) bool {
	return strings.HasPrefix(name, "docker") || strings.HasPrefix(name, "br-") || strings.HasPrefix(name, "podman")
}

func hasBridge(t *testing.T) bool {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(all, func(i net.Interface) bool { return isBridge(i.Name) })
}

func onBridge(t *testing.T, a netip.Addr) bool {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		addresses, err := i.Addrs()
		if err != nil {
			continue // it went in the meantime
		}
		for _, b := range addresses {
			if p, err := netip.ParsePrefix(b.String()); err == nil && p.Addr() == a {
				return isBridge(i.Name)
			}
		}
	}
	return false
}

// listening are the TCP addresses on which this process listens, from /proc.
func listening(t *testing.T) []string {
	t.Helper()
	mine := map[string]bool{}
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if target, err := os.Readlink("/proc/self/fd/" + f.Name()); err == nil {
			if inode, ok := strings.CutPrefix(target, "socket:["); ok {
				mine[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	var all []string
	for _, table := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		text, err := os.ReadFile(table)
		if err != nil {
			continue // no IPv6
		}
		for line := range strings.Lines(string(text)) {
			const local, state, inode, listen = 1, 3, 9, "0A"
			f := strings.Fields(line)
			if len(f) <= inode || f[state] != listen || !mine[f[inode]] {
				continue
			}
			address, port, _ := strings.Cut(f[local], ":")
			raw, err := hex.DecodeString(address)
			number, err2 := hex.DecodeString(port)
			if err != nil || err2 != nil {
				t.Fatalf("%s: %q", table, line)
			}
			for i := 0; i+4 <= len(raw); i += 4 { // little-endian words
				slices.Reverse(raw[i : i+4])
			}
			ip, _ := netip.AddrFromSlice(raw)
			all = append(all, netip.AddrPortFrom(ip.Unmap(), uint16(number[0])<<8|uint16(number[1])).String())
		}
	}
	return all
}
