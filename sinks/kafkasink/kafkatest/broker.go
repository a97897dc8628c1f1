package kafkatest

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
)

// Broker is a Kafka of one node. Its addresses and its data stay the same when
// it is killed and started again.
type Broker struct {
	Plain string // host:port without TLS; whoever connects here may do everything
	TLS   string // host:port with TLS; clients need no certificate and may do everything
	MTLS  string // host:port with TLS; clients need a certificate of Authority

	Authority *Authority // signed the broker's certificate
	Dir       string     // holds the certificates (see the constants) and the data

	java, classPath string
	clusterID       string
	client          *kafka.Client

	mu    sync.Mutex
	run   *run
	lines []string
}

// The PEM files in Broker.Dir that a client needs.
const (
	CAFile         = "ca.pem"
	ClientCertFile = "client-cert.pem"
	ClientKeyFile  = "client-key.pem"
)

// Principal is the name in ACLs of a client with the certificate of
// ClientCertFile, connected to MTLS.
const Principal = "User:CN=relay-client,O=botrelay"

// run is one life of the JVM.
type run struct {
	cmd   *exec.Cmd
	ready chan struct{}
	done  chan struct{} // closed when the process has ended and its log is read
}

// What the log says of interest.
const readyMark = "Kafka Server started"

var portMark = regexp.MustCompile(`name='(PLAIN|TLS|MTLS)', host='127\.0\.0\.1', port=(\d+)`)

// Start starts a new broker with no data. ErrNotInstalled: Java or Kafka is
// missing on this machine.
func Start(ctx context.Context) (*Broker, error) {
	if !supported {
		return nil, fmt.Errorf("%w: brokers are run on Linux alone", ErrNotInstalled)
	}
	jvm, err := java()
	if err != nil {
		return nil, err
	}
	classPath, err := ClassPath(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "botrelay-kafka-")
	if err != nil {
		return nil, err
	}
	b := &Broker{Dir: dir, java: jvm, classPath: classPath, clusterID: newClusterID()}
	if err := b.create(ctx); err != nil {
		b.Stop(true)
		return nil, err
	}
	return b, nil
}

// create writes the files of b, formats its storage and starts it.
func (b *Broker) create(ctx context.Context) error {
	var err error
	if b.Authority, err = NewAuthority(); err != nil {
		return err
	}
	if err := b.Authority.writeFiles(b.Dir); err != nil {
		return err
	}
	if err := b.writeProperties(); err != nil {
		return err
	}
	if out, err := b.jvm(ctx, nil, "kafka.tools.StorageTool", "format", "--standalone", "-t", b.clusterID, "-c", propertiesFile); err != nil {
		return fmt.Errorf("formatting the storage: %w\n%s", err, tailOf(out, 20))
	}
	return b.Restart(ctx)
}

// newClusterID returns a random id, so that a broker that another run left
// behind on the same port is never taken for this one.
func newClusterID() string {
	var id [16]byte
	rand.Read(id[:])
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// Restart starts the broker after Kill or Stop(false), on the same ports and
// with the same data, and returns when it serves.
func (b *Broker) Restart(ctx context.Context) error {
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd := exec.Command(b.java, "-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-Dorg.slf4j.simpleLogger.showDateTime=true", "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
		"-Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.config=warn",
		"-cp", b.classPath, "kafka.Kafka", propertiesFile)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = b.Dir, write, write, attributes()
	err = cmd.Start()
	write.Close()
	if err != nil {
		read.Close()
		return fmt.Errorf("starting the broker: %w", err)
	}
	r := &run{cmd: cmd, ready: make(chan struct{}), done: make(chan struct{})}
	b.mu.Lock()
	b.run = r
	b.mu.Unlock()
	go b.follow(r, read)
	select {
	case <-r.ready:
	case <-r.done:
		return fmt.Errorf("the broker ended: %v\n%s", cmd.ProcessState, b.tail(40))
	case <-ctx.Done():
		b.Kill()
		return fmt.Errorf("the broker was not ready in time: %w\n%s", ctx.Err(), b.tail(40))
	}
	return b.meet(ctx)
}

// follow reads the log of r to its end, without which the broker would block,
// and waits for the process.
func (b *Broker) follow(r *run, log io.ReadCloser) {
	defer close(r.done)
	defer log.Close()
	serving := false
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		b.mu.Lock()
		b.lines = append(b.lines, line)
		if over := len(b.lines) - 400; over > 0 {
			b.lines = b.lines[over:]
		}
		if strings.Contains(line, "RegisterBrokerRecord") {
			b.learnPorts(line)
		}
		b.mu.Unlock()
		if !serving && strings.Contains(line, readyMark) {
			serving = true
			close(r.ready)
		}
	}
	_, _ = io.Copy(io.Discard, log) // a line over the limit ends the scan
	_ = r.cmd.Wait()                // how it ended is in ProcessState
}

// learnPorts takes the addresses from the record that the broker registers
// itself with.
func (b *Broker) learnPorts(line string) {
	for _, m := range portMark.FindAllStringSubmatch(line, -1) {
		address := "127.0.0.1:" + m[2]
		switch m[1] {
		case "PLAIN":
			b.Plain = address
		case "TLS":
			b.TLS = address
		case "MTLS":
			b.MTLS = address
		}
	}
}

// meet checks that it is this broker that answers, and fixes its ports.
func (b *Broker) meet(ctx context.Context) error {
	if b.Plain == "" || b.TLS == "" || b.MTLS == "" {
		return errors.New("the broker has not told its ports")
	}
	b.hangUp() // connections to an earlier life answer with EOF
	b.client = &kafka.Client{Addr: kafka.TCP(b.Plain), Transport: &kafka.Transport{}, Timeout: 10 * time.Second}
	meta, err := retry(ctx, func() (*kafka.MetadataResponse, error) {
		return b.client.Metadata(ctx, &kafka.MetadataRequest{})
	})
	if err != nil {
		return fmt.Errorf("asking the broker for its cluster: %w", err)
	}
	if meta.ClusterID != b.clusterID {
		return fmt.Errorf("%s is another broker: cluster %s, want %s", b.Plain, meta.ClusterID, b.clusterID)
	}
	return b.writeProperties()
}

// hangUp closes the connections of the broker's own client.
func (b *Broker) hangUp() {
	if b.client != nil {
		b.client.Transport.(*kafka.Transport).CloseIdleConnections()
	}
}

// Kill ends the broker as kill -9 does and returns when it is gone.
func (b *Broker) Kill() {
	if r := b.current(); r != nil {
		_ = r.cmd.Process.Signal(syscall.SIGKILL) // it may be gone already
		<-r.done
	}
}

// Stop ends the broker as its operator would, or by force after 20 s, and
// removes its directory if asked to.
func (b *Broker) Stop(remove bool) {
	if r := b.current(); r != nil {
		_ = r.cmd.Process.Signal(resumeSignal)
		_ = r.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-r.done:
		case <-time.After(20 * time.Second):
			b.Kill()
		}
	}
	b.hangUp()
	if !remove {
		return
	}
	_ = os.RemoveAll(b.Dir) // it is in the system's directory for such
}

// Pause stops the broker where it stands, its sockets open, and returns when it
// has stopped. Resume lets it go on; it is called at the end of t, too.
func (b *Broker) Pause(t testing.TB) {
	t.Helper()
	process := b.current().cmd.Process
	if err := process.Signal(pauseSignal); err != nil {
		t.Fatalf("pausing the broker: %v", err)
	}
	t.Cleanup(b.Resume)
	ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
	defer cancel()
	if _, err := retry(ctx, func() (bool, error) {
		stopped, err := paused(process.Pid)
		if err == nil && !stopped {
			err = errors.New("it goes on")
		}
		return stopped, err
	}); err != nil {
		t.Fatalf("pausing the broker: %v", err)
	}
}

// Resume ends a Pause.
func (b *Broker) Resume() {
	_ = b.current().cmd.Process.Signal(resumeSignal) // it may have been killed meanwhile
}

// Java runs a main class of Kafka with the given input and returns what it
// wrote to standard output.
func (b *Broker) Java(ctx context.Context, input io.Reader, class string, args ...string) (string, error) {
	return b.jvm(ctx, input, class, args...)
}

func (b *Broker) jvm(ctx context.Context, input io.Reader, class string, args ...string) (string, error) {
	all := append([]string{"-Xmx128m", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
		"-cp", b.classPath, class}, args...)
	cmd := exec.CommandContext(ctx, b.java, all...)
	cmd.Dir, cmd.Stdin, cmd.SysProcAttr, cmd.WaitDelay = b.Dir, input, attributes(), time.Second
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%w: %s", err, tailOf(string(exit.Stderr), 20))
	}
	return string(out), err
}

func (b *Broker) current() *run {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.run
}

func (b *Broker) running() bool {
	r := b.current()
	if r == nil {
		return false
	}
	select {
	case <-r.done:
		return false
	default:
		return true
	}
}

// tail returns the last lines of the log.
func (b *Broker) tail(lines int) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return tailOf(strings.Join(b.lines, "\n"), lines)
}

// path of a file of b.
func (b *Broker) path(name string) string { return filepath.Join(b.Dir, name) }
