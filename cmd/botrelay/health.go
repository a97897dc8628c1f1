package main

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"botrelay/relay/config"
)

func healthCommand(env environment) *cobra.Command {
	var ready bool
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask the relay beside this process whether it serves",
		Long: `Asks /healthz of the relay that runs with the same configuration file: exit 0 if
it serves, 1 if not. This is the container's health check.`,
		Example: "  botrelay health\n  botrelay health --ready     # can it accept events? (/readyz)",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, err := loadConfig(cmd, env, config.Options{})
			if err != nil {
				return err
			}
			path := "/healthz"
			if ready {
				path = "/readyz"
			}
			return askHealth(cmd.Context(), localURL(file, path))
		},
	}
	cmd.Flags().BoolVar(&ready, "ready", false, "ask /readyz instead: can it accept events?")
	return cmd
}

// localURL is where a process on the same machine reaches the public listener.
func localURL(file *config.File, path string) string {
	scheme := "http"
	if file.TLS.Cert != "" {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(file.Listen)
	if err != nil {
		return scheme + "://" + file.Listen + path
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + "://" + net.JoinHostPort(host, port) + path
}

func askHealth(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return failed("%v", err)
	}
	client := localClient()
	defer client.CloseIdleConnections()
	answer, err := client.Do(req)
	if err != nil {
		return failed("no relay answers at %s: %v", url, rootCause(err))
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(answer.Body, 200))
	if answer.StatusCode != http.StatusOK {
		return failed("%s answers %d: %s", url, answer.StatusCode, firstLine(string(body)))
	}
	return nil
}

// localClient talks to the relay on this machine. Its certificate is made out
// to the public name, so it is not checked; nothing secret is sent.
func localClient() *http.Client {
	return &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
}
