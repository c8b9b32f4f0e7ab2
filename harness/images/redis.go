package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

// redis collects this machine's redis-server and the libraries it needs.
func redis(ctx context.Context, e engine, progress func(string)) (*layer, error) {
	if runtime.GOOS != "linux" || runtime.GOARCH != e.arch {
		return nil, fmt.Errorf("a redis-server of %s/%s does not run in a container of linux/%s: load redis:7 from another machine (docker save, docker load), or set EVENTPROOF_REDIS_IMAGE to an image that is here",
			runtime.GOOS, runtime.GOARCH, e.arch)
	}
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, errors.New("redis-server is not in PATH; install it and run this again: apt-get install -y redis-server (Debian, Ubuntu), dnf install redis (Fedora), apk add redis (Alpine)")
	}
	// Debian's redis-server is a link to redis-check-rdb, which looks at its name.
	resolved, err := filepath.EvalSymlinks(program)
	if err != nil {
		return nil, err
	}
	version, err := output(exec.CommandContext(ctx, program, "--version"))
	if err != nil {
		return nil, err
	}
	if !regexp.MustCompile(`\bv=7\.`).MatchString(version) {
		progress("the redis-server here is not version 7, which the image's tag says: " + version)
	}
	l := &layer{}
	if err := l.add("/usr/local/bin/redis-server", resolved); err != nil {
		return nil, err
	}
	l.dir("/data", 0o777)
	l.dir("/tmp", 0o777)
	listed, err := output(exec.CommandContext(ctx, "ldd", resolved))
	if err != nil && !strings.Contains(err.Error(), "not a dynamic executable") {
		return nil, fmt.Errorf("list the libraries of %s: %w", resolved, err)
	}
	for _, library := range libraries(listed) {
		// Under the path by which the loader looks for it: a link's own name.
		if err := l.add(library, library); err != nil {
			return nil, err
		}
	}
	progress(fmt.Sprintf("taking %s and %d libraries", resolved, len(l.files)-1))
	return l, nil
}

var libraryPath = regexp.MustCompile(`(?m)(?:=>\s+|^\s*)(/\S+)\s+\(0x`)

// libraries are the files in the output of ldd, the dynamic loader included.
func libraries(ldd string) []string {
	var paths []string
	for _, m := range libraryPath.FindAllStringSubmatch(ldd, -1) {
		paths = append(paths, m[1])
	}
	return paths
}
