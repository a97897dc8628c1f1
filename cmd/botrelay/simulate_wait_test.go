package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"botrelay/relay/admin"
)

// What is on its way is waited for, for a minute at most.
func TestWaitUntilDeliveriesAreFinal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		after        time.Duration // until it is delivered; 0 is never
		took         time.Duration
		want, failed string
	}{
		{"pending, then delivered", 2 * time.Second, 2 * time.Second, "bots 1 alert in 2.0 s · lake 2 of 2\n", ""},
		{"never", 0, waitLimit, "bots 0 of 1 (retrying: HTTP 503) · lake 2 of 2\n", "not everything arrived at bots"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				client := clientOf(func(w http.ResponseWriter, req *http.Request) {
					ev := admin.EventDetail{Event: admin.Event{Received: began}}
					ev.Deliveries = []admin.Delivery{{Ref: admin.Ref{Sink: "lake"}, State: "delivered", Ended: began}}
					if strings.HasSuffix(req.URL.Path, "/sim_2") {
						alert := admin.Delivery{Ref: admin.Ref{Sink: "bots"}, State: "retrying", Reason: "HTTP 503"}
						if c.after > 0 && time.Since(began) >= c.after {
							alert = admin.Delivery{Ref: admin.Ref{Sink: "bots"}, State: "delivered", Ended: began.Add(c.after)}
						}
						ev.Deliveries = append(ev.Deliveries, alert)
					}
					_ = json.NewEncoder(w).Encode(ev)
				})
				waited := []arrival{{sink: "bots", alert: true}, {sink: "lake"}}
				if err := settleDown(t.Context(), client, waited, []letter{{id: "sim_1"}, {id: "sim_2"}, {id: "sim_2"}}); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took < c.took || took > c.took+time.Second {
					t.Errorf("it waited %v, want %v", took, c.took)
				}
				var out strings.Builder
				err := sayArrivals(&out, waited)
				if out.String() != c.want {
					t.Errorf("it says %q, want %q", out.String(), c.want)
				}
				if err != nil && err.Error() != c.failed || err == nil && c.failed != "" {
					t.Errorf("it ends with %v, want %q", err, c.failed)
				}
			})
		})
	}
}
