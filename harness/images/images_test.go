package main

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestLibraries(t *testing.T) {
	tests := []struct {
		name, ldd string
		want      []string
		reason    string
	}{
		{"glibc", "\tlinux-vdso.so.1 (0x00007f6b14eb8000)\n\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f6b14b20000)\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f6b14eba000)\n",
			[]string{"/lib/x86_64-linux-gnu/libm.so.6", "/lib64/ld-linux-x86-64.so.2"}, "the kernel's own library is no file, the loader is one"},
		{"musl", "\t/lib/ld-musl-x86_64.so.1 (0x7f0000000000)\n\tlibssl.so.3 => /lib/libssl.so.3 (0x7f0000000000)\n",
			[]string{"/lib/ld-musl-x86_64.so.1", "/lib/libssl.so.3"}, "Alpine's"},
		{"static", "", nil, "nothing is needed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := libraries(test.ldd); !slices.Equal(got, test.want) {
				t.Errorf("%s: want %q, got %q", test.reason, test.want, got)
			}
		})
	}
}

func TestLayer(t *testing.T) {
	file := filepath.Join(t.TempDir(), "redis-server")
	if err := os.WriteFile(file, []byte("program"), 0o600); err != nil {
		t.Fatal(err)
	}
	var l layer
	if err := l.add("/usr/local/bin/redis-server", file); err != nil {
		t.Fatal(err)
	}
	l.dir("/data", 0o777)
	want := []string{"data/ 777", "usr/ 755", "usr/local/ 755", "usr/local/bin/ 755", "usr/local/bin/redis-server 755"}
	var got []string
	r := tar.NewReader(l.reader())
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, h.Name+" "+octal(h.Mode))
	}
	if !slices.Equal(got, want) {
		t.Errorf("want parents before children, and files that every user may run\nwant %q\n got %q", want, got)
	}
	if err := l.add("/lib/none.so", file+".none"); err == nil {
		t.Error("want an error for a library that is not there")
	}
}

func octal(mode int64) string {
	return string([]byte{byte('0' + mode>>6&7), byte('0' + mode>>3&7), byte('0' + mode&7)})
}
