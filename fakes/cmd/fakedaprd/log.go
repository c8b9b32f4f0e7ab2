package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// logger writes lines as daprd does, so that what reads daprd's log can read this one.
//
// Source: kit v0.16.1 logger/dapr_logger.go.
type logger struct {
	mu       sync.Mutex
	to       io.Writer
	app      string
	instance string
	least    int
	json     bool
}

var levels = map[string]int{"debug": 0, "info": 1, "warn": 2, "warning": 2, "error": 3, "fatal": 4}

func newLogger(to io.Writer, o *options) *logger {
	host, _ := os.Hostname()
	return &logger{to: to, app: o.AppID, instance: host, least: levels[o.LogLevel], json: o.LogJSON}
}

func (l *logger) log(level, message string) {
	if levels[level] < l.least {
		return
	}
	now := time.Now().Format("2006-01-02T15:04:05.999999999Z07:00")
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.json {
		line, _ := json.Marshal(map[string]string{"time": now, "level": level, "msg": message, "app_id": l.app, "instance": l.instance,
			"scope": "dapr.runtime", "type": "log", "ver": version})
		_, _ = fmt.Fprintf(l.to, "%s\n", line)
		return
	}
	_, _ = fmt.Fprintf(l.to, "time=%q level=%s msg=%q app_id=%s instance=%s scope=dapr.runtime type=log ver=%s\n", now, level, message, l.app, l.instance, version)
}

// version is the version of Dapr whose behaviour is shown.
const version = "1.16.0"
