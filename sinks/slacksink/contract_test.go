package slacksink

import (
	"encoding/json"
	"net/http"
	"testing"

	"botrelay/sinks/internal/sinktest"
	"botrelay/sinks/slacksink/slacktest"
)

const webhookCanary = "standinstandinstandin000"

func TestContractWithToken(t *testing.T) {
	sinktest.Run(t, sinktest.Harness{
		New: func(t *testing.T, b sinktest.Behaviour) sinktest.Subject {
			echo, err := json.Marshal(map[string]any{
				"ok": false, "error": "invalid_blocks", "needed": testToken + " " + string(sinktest.Delivery(0).Event.Raw),
				"response_metadata": map[string]any{"messages": []string{testToken, string(sinktest.Delivery(0).Event.Raw)}},
			})
			if err != nil {
				t.Fatal(err)
			}
			return contractSubject(t, tokenOptions, b, map[sinktest.Behaviour]*slacktest.Reply{
				sinktest.Refuse: jsonReply(string(echo)),
				sinktest.Deny:   slacktest.APIError("invalid_auth"),
			})
		},
		Secrets: []string{testToken},
	})
}

func TestContractWithWebhook(t *testing.T) {
	sinktest.Run(t, sinktest.Harness{
		New: func(t *testing.T, b sinktest.Behaviour) sinktest.Subject {
			echo := "rejected: " + webhookCanary + " " + string(sinktest.Delivery(0).Event.Raw)
			return contractSubject(t, webhookOptions, b, map[sinktest.Behaviour]*slacktest.Reply{
				sinktest.Refuse: slacktest.WebhookError(http.StatusBadRequest, echo),
				sinktest.Deny:   slacktest.WebhookError(http.StatusForbidden, "invalid_token"),
			})
		},
		Secrets: []string{webhookCanary},
	})
}

func contractSubject(t *testing.T, options func(*slacktest.Server) Options, b sinktest.Behaviour, own map[sinktest.Behaviour]*slacktest.Reply) sinktest.Subject {
	t.Helper()
	if b == sinktest.Down {
		server, err := slacktest.New(slacktest.Options{})
		if err != nil {
			t.Fatal(err)
		}
		server.Close()
		return sinktest.Subject{Sink: newSink(t, options(server), Deps{})}
	}
	server := newStrictlessServer(t, slacktest.Options{Unlimited: true})
	reply := own[b]
	switch b {
	case sinktest.Throttle:
		reply = slacktest.TooMany(1)
	case sinktest.Hang:
		reply = &slacktest.Reply{Hang: true}
	case sinktest.CloseEarly:
		reply = &slacktest.Reply{Cut: true}
	}
	if reply != nil {
		server.Interfere(func(slacktest.Message) *slacktest.Reply { return reply })
	}
	return sinktest.Subject{
		Sink:         unlimited(newSink(t, options(server), Deps{})),
		Acknowledged: func() int { return len(server.Messages()) },
	}
}
