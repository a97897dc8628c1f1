package kafkatest

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

//go:embed pom.xml
var pom []byte

// ErrNotInstalled says that this machine lacks what a broker needs.
var ErrNotInstalled = errors.New("not installed")

const (
	// plugin downloads the jars.
	plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
	// mavenTimeout bounds the download of 44 MB of jars and of the plugin.
	mavenTimeout = 10 * time.Minute
)

// ClassPath returns the class path of Kafka as java -cp takes it. It may run
// Maven, for minutes where the network is slow; of several processes that do so
// at once one works and the others wait. ErrNotInstalled: it cannot be had.
func ClassPath(ctx context.Context) (string, error) {
	if given := os.Getenv("BOTRELAY_TEST_KAFKA_CLASSPATH"); given != "" {
		return givenClassPath(given)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the cache directory: %w", err)
	}
	sum := sha256.Sum256(pom)
	dir := filepath.Join(cache, "botrelay-test", "kafka-"+hex.EncodeToString(sum[:8]))
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if err := download(ctx, dir); err != nil {
			return "", err
		}
	} else if err != nil {
		return "", err
	}
	return filepath.Join(dir, "*"), nil
}

// givenClassPath checks a class path that the environment gives.
func givenClassPath(given string) (string, error) {
	if file, ok := strings.CutPrefix(given, "@"); ok {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("%w: class path: %w", ErrNotInstalled, err)
		}
		given = strings.TrimSpace(string(text))
	}
	for _, entry := range filepath.SplitList(given) {
		if _, err := os.Stat(strings.TrimSuffix(entry, "*")); err != nil {
			return "", fmt.Errorf("%w: class path: %w", ErrNotInstalled, err)
		}
	}
	return given, nil
}

// download fills dir, which appears at once and complete.
func download(ctx context.Context, dir string) error {
	maven, err := exec.LookPath("mvn")
	if err != nil {
		return fmt.Errorf("%w: the jars of Kafka, and no Maven to get them: %w", ErrNotInstalled, err)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	unlock, err := lock(dir + ".lock")
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil {
		return nil // another process was faster
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), "download-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	file := filepath.Join(work, "pom.xml")
	if err := os.WriteFile(file, pom, 0o644); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, mavenTimeout)
	defer cancel()
	lib := filepath.Join(work, "lib")
	cmd := exec.CommandContext(ctx, maven, "-B", "-q", "-f", file, plugin, "-DincludeScope=runtime", "-DoutputDirectory="+lib)
	cmd.SysProcAttr = attributes()
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: the jars of Kafka: mvn: %w\n%s", ErrNotInstalled, err, tailOf(string(out), 20))
	}
	return os.Rename(lib, dir)
}

// java finds the JVM: that of JAVA_HOME, else the one on the path.
func java() (string, error) {
	if home := os.Getenv("JAVA_HOME"); home != "" {
		if path, err := exec.LookPath(filepath.Join(home, "bin", "java")); err == nil {
			return path, nil
		}
	}
	path, err := exec.LookPath("java")
	if err != nil {
		return "", fmt.Errorf("%w: Java: %w", ErrNotInstalled, err)
	}
	return path, nil
}

// tailOf returns the last lines of text.
func tailOf(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
