package config

import (
	"os"
	"path/filepath"
	"strings"
)

// warnMount warns of a file that is mounted by itself: its mount stays with the
// old content when an editor or an orchestrator puts a new file in its place.
func (f *File) warnMount(name string, at place, path string) {
	if f.options.Mounted(name) {
		f.warn(at, path, "%s is a single-file mount; edits will not be seen (mount its folder)", quoteLess(f.mask(name)))
	}
}

// mountInfo lists the mounts of this process on Linux: proc_pid_mountinfo(5).
const mountInfo = "/proc/self/mountinfo"

// mountedFile returns a function that tells whether a file is a mount point.
// Where the system has no list of mounts, none is.
func mountedFile() func(name string) bool {
	data, err := os.ReadFile(mountInfo)
	if err != nil {
		return func(string) bool { return false }
	}
	points := mountPoints(string(data))
	return func(name string) bool {
		absolute, err := filepath.Abs(name)
		if err != nil {
			return false
		}
		real, err := filepath.EvalSymlinks(absolute)
		return err == nil && points[real]
	}
}

// mountPoints reads the fifth column, in which blanks are written in octal.
func mountPoints(info string) map[string]bool {
	plain := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	points := map[string]bool{}
	for line := range strings.Lines(info) {
		if columns := strings.Fields(line); len(columns) > 4 {
			points[plain.Replace(columns[4])] = true
		}
	}
	return points
}
