package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"botrelay/relay/recall"
	"botrelay/relay/store/sqlitestore"
)

func versionCommand(env environment) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version of the program, of its store and of its catalogue",
		Example: "  botrelay version",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprint(env.stdout, versionText())
			return err
		},
	}
}

func versionText() string {
	detail := goRelease(runtime.Version())
	if commit := buildCommit(); commit != "" {
		detail = "commit " + commit + ", " + detail
	}
	return fmt.Sprintf("botrelay %s (%s)\nstore format %d · catalogue of %s, %d codes\n",
		version, detail, sqlitestore.Format, recall.CatalogueDate, len(recall.Codes()))
}

// goRelease cuts go1.26.8 to go1.26.
func goRelease(v string) string {
	parts := strings.SplitN(v, ".", 3)
	if len(parts) < 2 {
		return v
	}
	return parts[0] + "." + parts[1]
}

// commit is set by the linker where the toolchain cannot see the repository; see
// the Dockerfile.
var commit string

// buildCommit is the commit that was built from, if anybody recorded it.
func buildCommit() string {
	if commit != "" {
		return commit[:min(7, len(commit))]
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(7, len(s.Value))]
		}
	}
	return ""
}
