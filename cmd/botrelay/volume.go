package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// File systems that end with a container, by the numbers of statfs(2).
const (
	overlayfs = 0x794c7630
	tmpfs     = 0x01021994
)

// volumeWarning says that the store dies with the container, or nothing. What
// tells a container are the files that Docker and Podman leave in one and the
// variable that Kubernetes sets.
func volumeWarning(dir string, getenv func(string) (string, bool), exists func(string) bool, fileSystem func(string) int64) string {
	_, kubernetes := getenv("KUBERNETES_SERVICE_HOST")
	if !kubernetes && !exists("/.dockerenv") && !exists("/run/.containerenv") {
		return ""
	}
	if kind := fileSystem(dir); kind != overlayfs && kind != tmpfs {
		return ""
	}
	mount := filepath.Dir(dir)
	return fmt.Sprintf("store is inside the container and dies with it (mount a volume at %s)", mount)
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// fileSystemOf is the type of the file system that dir lies on; 0 if it cannot
// be found out.
func fileSystemOf(dir string) int64 {
	var s syscall.Statfs_t
	if syscall.Statfs(dir, &s) != nil {
		return 0
	}
	return int64(s.Type)
}

// tellVolume repeats a warning once a minute until ctx ends: events that are
// lost with a container are lost for good.
func tellVolume(ctx context.Context, logger *slog.Logger, warning string) error {
	if warning == "" {
		return nil
	}
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		logger.Warn(warning)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
