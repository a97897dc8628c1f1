package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"botrelay/relay/config"
	"botrelay/relay/store/sqlitestore"
)

// operator finds whom a command asks: the relay that --admin names, that of the
// configuration file, or the store itself where no relay holds it.
type operator struct {
	env      environment
	address  string        // of --admin; empty: that of the configuration file
	patience time.Duration // how long a relay that is starting is waited for
	// relayOnly: the store alone is of no use, so it is not opened.
	relayOnly bool
	sight
}

func (o *operator) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.address, "admin", "",
		"`address` of a relay's admin listener, with its token in $BOTRELAY_ADMIN_TOKEN (default that of the configuration)")
	o.sight.addFlags(cmd)
}

// with asks with the client that ask gets, and lets go of the store, if it was
// opened, once ask has returned.
func (o *operator) with(cmd *cobra.Command, ask func(context.Context, *adminClient) error) error {
	ctx := cmd.Context()
	client, letGo, err := o.find(ctx, cmd)
	if err != nil {
		return err
	}
	err = ask(ctx, client)
	if closing := letGo(); closing != nil && err == nil {
		err = failed("%v", closing)
	}
	return err
}

// find returns a client, and how to let go of what it needs.
func (o *operator) find(ctx context.Context, cmd *cobra.Command) (*adminClient, func() error, error) {
	if o.address != "" {
		return o.findNamed(ctx)
	}
	file, err := loadConfig(cmd, o.env, config.Options{})
	if err != nil {
		return nil, nil, err
	}
	client := &adminClient{
		http: plainClient(nil), base: adminURL(file.Admin.Listen), token: string(file.Admin.Token), kept: file.Retention.Events,
	}
	for began := time.Now(); ; {
		down := client.reach(ctx)
		if down == nil {
			return client, closer(client), nil
		}
		waited := time.Since(began)
		switch {
		case o.relayOnly && waited >= o.patience:
			return nil, nil, failed("no relay answers at %s: %v", client.base, down).
				withHint("start one: botrelay serve; or name one with --admin URL")
		case !o.relayOnly && waited >= min(o.patience, startsWithin):
			stored, letGo, err := o.openStored(ctx, file)
			if err == nil {
				return stored, letGo, nil
			}
			if waited >= o.patience || !mayBeStarting(err) {
				return nil, nil, explainNobody(client.base, down, err)
			}
		}
		if rest(ctx, 100*time.Millisecond) != nil {
			return nil, nil, failed("interrupted")
		}
	}
}

// startsWithin is how long a relay takes to start unless its machine is busy: a
// command that can wait gives it that time before it takes the store itself.
const startsWithin = time.Second

// noStoreError says why there is no store that this process could open.
type noStoreError struct{ why string }

func (e *noStoreError) Error() string { return e.why }

// mayBeStarting tells whether a relay that is starting could be the reason why
// the store cannot be opened.
func mayBeStarting(err error) bool {
	if _, inUse := errors.AsType[*sqlitestore.InUseError](err); inUse {
		return true
	}
	_, none := errors.AsType[*noStoreError](err)
	return none
}

// explainNobody says why there is nobody to ask. down is why no relay answers
// at base, err why the store cannot be opened.
func explainNobody(base string, down, err error) error {
	if inUse, ok := errors.AsType[*sqlitestore.InUseError](err); ok {
		return failed("a relay holds the store %s, but no admin listener answers at %s: %v", inUse.Dir, base, down).
			withHint("a changed admin.listen counts from the relay's next start; name where it listens now with --admin URL")
	}
	if none, ok := errors.AsType[*noStoreError](err); ok {
		return failed("no relay answers at %s (%v), and %v", base, down, none).
			withHint("start one: botrelay serve; or name one with --admin URL")
	}
	return err
}

// findNamed returns a client for the relay that --admin names.
func (o *operator) findNamed(ctx context.Context) (*adminClient, func() error, error) {
	base, err := cleanAddress(o.address)
	if err != nil {
		return nil, nil, err
	}
	token, _ := o.env.getenv("BOTRELAY_ADMIN_TOKEN")
	client := &adminClient{http: plainClient(http.ProxyFromEnvironment), base: base, token: strings.TrimSpace(token)}
	for began := time.Now(); ; {
		down := client.reach(ctx)
		if down == nil {
			return client, closer(client), nil
		}
		if time.Since(began) >= o.patience || rest(ctx, 200*time.Millisecond) != nil {
			return nil, nil, failed("no relay answers at %s: %v", base, down)
		}
	}
}

func closer(c *adminClient) func() error {
	return func() error { c.http.CloseIdleConnections(); return nil }
}

// reach tells whether something answers at all.
func (c *adminClient) reach(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/healthz", nil)
	if err != nil {
		return err
	}
	answer, err := c.http.Do(req)
	if err != nil {
		return shortCause(err)
	}
	return answer.Body.Close()
}

// shortCause leaves out addresses that the message has already.
func shortCause(err error) error {
	err = rootCause(err)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return syscall.ECONNREFUSED
	}
	return err
}

// plainClient follows no redirects: the token is for one address.
func plainClient(proxy func(*http.Request) (*url.URL, error)) *http.Client {
	return &http.Client{
		Transport:     &http.Transport{Proxy: proxy, DialContext: (&net.Dialer{Timeout: 4 * time.Second}).DialContext},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// adminURL is where a process on the same machine reaches the admin listener.
func adminURL(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "http://" + listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// rest waits, unless ctx ends first.
func rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// whoAsks is the name under which a change is logged: $BOTRELAY_BY, else the
// user's, else the uid.
func whoAsks(env environment) string {
	if by, ok := env.getenv("BOTRELAY_BY"); ok && by != "" {
		return printable(by)
	}
	if u, err := user.Current(); err == nil && u.Username != "" {
		return printable(u.Username)
	}
	return "uid " + strconv.Itoa(os.Getuid())
}
