package admin

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const (
	root         = "/api/v1"
	documentPath = root + "/openapi.json"
)

// endpoint is one line of the table: what it is for the document, what it takes
// and what it answers.
type endpoint struct {
	method, path string
	summary      string
	params       []param
	body         any   // a zero value of what it takes; nil: nothing
	answers      any   // a zero value of what it answers; nil: a document
	others       []int // statuses of good answers beside 200
	refusals     []int
	handle       func(*call) (any, error)
}

// param is one part of the path or the query.
type param struct {
	name string
	in   string // path or query
	kind string // string integer boolean
	many bool   // may be repeated
	text string
}

// otherwise is a good answer with another status than that of its endpoint.
type otherwise struct {
	status int
	answer any
}

// good is the status and the body of a good answer.
func (e *endpoint) good(answer any) (int, any) {
	if o, ok := answer.(otherwise); ok {
		return o.status, o.answer
	}
	return http.StatusOK, answer
}

// checkQuery refuses what the endpoint does not know, so that a slip of the pen
// does not select everything.
func (e *endpoint) checkQuery(query url.Values) error {
	for name, values := range query {
		i := slices.IndexFunc(e.params, func(p param) bool { return p.in == "query" && p.name == name })
		if i < 0 {
			var known []string
			for _, p := range e.params {
				if p.in == "query" {
					known = append(known, p.name)
				}
			}
			r := badRequest("%.40q is not known here", name)
			if len(known) > 0 {
				return r.withHint("known: %s", strings.Join(known, " "))
			}
			return r
		}
		if len(values) > 1 && !e.params[i].many {
			return badRequest("%s is here %d times", name, len(values))
		}
	}
	return nil
}

var (
	whereParam  = param{"where", "query", "string", true, "FIELD=PATTERN, with the fields and patterns of a route; null is absent. All fields must hold; of one field any pattern"}
	sinceParam  = param{"since", "query", "string", false, "received at or after: RFC 3339, or an age such as 90m, 24h, 7d"}
	untilParam  = param{"until", "query", "string", false, "received before; likewise"}
	limitParam  = param{"limit", "query", "integer", false, "most items of a page, 1 to 1000; 100 if left out"}
	fromParam   = param{"from", "query", "string", false, "the next of the page before"}
	sinkParam   = param{"sink", "query", "string", false, "has a delivery for this sink"}
	sourceParam = param{"source", "query", "string", false, "of this source"}
	eventParam  = param{"event", "query", "string", false, "of this name, which is quicker than where"}
	botParam    = param{"bot", "query", "string", false, "of this bot, by its whole id"}
	nameParam   = param{"name", "path", "string", false, "the sink"}
	idParam     = param{"id", "path", "string", false, "the id of the replay"}
)

// endpoints is everything that there is.
func endpoints() []endpoint {
	return slices.Concat(lookEndpoints(), sinkEndpoints(), deliveryEndpoints(), replayEndpoints(), relayEndpoints())
}

// lookEndpoints are those that change nothing.
func lookEndpoints() []endpoint {
	return []endpoint{
		{
			method: "GET", path: root + "/status", summary: "The relay at a glance, and what is wrong",
			answers: Status{}, handle: (*call).status,
		},
		{
			method: "GET", path: root + "/events", summary: "Events, newest first",
			params: []param{
				whereParam, sinceParam, untilParam, sourceParam, eventParam, botParam, sinkParam,
				{"state", "query", "string", false, "has a delivery in this state (pending retrying delivered dead dropped muted), or is filtered or quarantined"},
				limitParam, fromParam,
			},
			answers: EventPage{}, refusals: []int{400}, handle: (*call).events,
		},
		{
			method: "GET", path: root + "/events/{source}/{id}", summary: "One event with its deliveries and attempts",
			params: []param{
				{"source", "path", "string", false, "the source; - finds the id in any"},
				{"id", "path", "string", false, "the event's id"},
				{"payload", "query", "boolean", false, "true adds the body as received"},
			},
			answers: EventDetail{}, refusals: []int{400, 404, 409}, handle: (*call).event,
		},
		{
			method: "GET", path: root + "/bots", summary: "Bots, the one with the latest event first",
			params: []param{
				{"where", "query", "string", true, whereParam.text + ". A bot is found if one of its events holds them all"},
				{"failed", "query", "boolean", false, "true: only those that ended by bot.fatal or without a recording event"},
				sinceParam, untilParam, sourceParam, limitParam, fromParam,
			},
			answers: BotPage{}, refusals: []int{400}, handle: (*call).bots,
		},
		{
			method: "GET", path: root + "/bots/{bot}", summary: "One bot with its timeline",
			params: []param{
				{"bot", "path", "string", false, "the id, or its beginning if that says which"},
				sourceParam,
			},
			answers: BotDetail{}, refusals: []int{400, 404, 409}, handle: (*call).bot,
		},
		{
			method: "GET", path: documentPath, summary: "This document", handle: (*call).document,
		},
	}
}

func sinkEndpoints() []endpoint {
	change := func(verb, summary string, refusals []int, handle func(*call) (any, error)) endpoint {
		return endpoint{
			method: "POST", path: root + "/sinks/{name}/" + verb, summary: summary,
			params: []param{nameParam}, body: SinkChange{}, answers: SinkChanged{}, refusals: refusals, handle: handle,
		}
	}
	return []endpoint{
		{
			method: "GET", path: root + "/sinks", summary: "Sinks with what waits for each",
			answers: Sinks{}, handle: (*call).sinks,
		},
		change("pause", "Stop sending to a sink; what comes for it waits", []int{400, 404}, (*call).pauseSink),
		change("resume", "Send again, at once: ends a pause by hand, and asks a sink that has paused by itself", []int{400, 404}, (*call).resumeSink),
		change("move", "Give what waits for a sink to another", []int{400, 404}, (*call).moveSink),
		change("discard", "End what waits for a sink, undelivered", []int{400, 404}, (*call).discardSink),
	}
}

func deliveryEndpoints() []endpoint {
	return []endpoint{
		{
			method: "GET", path: root + "/deliveries", summary: "Deliveries: newest event first, dead letters the latest death first",
			params: []param{
				sinkParam, {"state", "query", "string", false, "pending retrying delivered dead dropped muted"},
				{"reason", "query", "string", false, "a pattern over the reasons of dead and retrying ones"},
				whereParam, sinceParam, untilParam, sourceParam, eventParam, botParam, limitParam, fromParam,
			},
			answers: DeliveryPage{}, refusals: []int{400}, handle: (*call).deliveries,
		},
		{
			method: "GET", path: root + "/dead", summary: "Dead letters by sink and reason",
			params: []param{sinkParam}, answers: DeadGroups{}, handle: (*call).dead,
		},
		{
			method: "POST", path: root + "/deliveries/retry", summary: "Send dead letters again, or retrying ones now",
			body: DeliveryChange{}, answers: DeliveriesChanged{}, refusals: []int{400}, handle: (*call).retryDeliveries,
		},
		{
			method: "POST", path: root + "/deliveries/drop", summary: "End deliveries by hand",
			body: DeliveryChange{}, answers: DeliveriesChanged{}, refusals: []int{400}, handle: (*call).dropDeliveries,
		},
	}
}

func replayEndpoints() []endpoint {
	return []endpoint{
		{
			method: "GET", path: root + "/replays", summary: "Replays, the latest first",
			answers: ReplayList{}, handle: (*call).listReplays,
		},
		{
			method: "POST", path: root + "/replays", summary: "Send stored events again; with dry_run, tell what that would be",
			body: ReplayRequest{}, answers: Replay{}, others: []int{202}, refusals: []int{400, 404, 409}, handle: (*call).beginReplay,
		},
		{
			method: "GET", path: root + "/replays/{id}", summary: "One replay with its progress",
			params: []param{idParam}, answers: Replay{}, refusals: []int{404}, handle: (*call).replay,
		},
		{
			method: "DELETE", path: root + "/replays/{id}", summary: "Cancel a replay; what is on its way goes on",
			params:  []param{idParam, {"by", "query", "string", false, "who asks, for the log"}},
			answers: Replay{}, refusals: []int{400, 404, 409}, handle: (*call).cancelReplay,
		},
	}
}

// relayEndpoints concern the process as a whole.
func relayEndpoints() []endpoint {
	return []endpoint{
		{
			method: "POST", path: root + "/reload", summary: "Read the configuration again and take it if it has no fault",
			body: Change{}, answers: Reloaded{}, refusals: []int{400, 409}, handle: (*call).reload,
		},
		{
			method: "POST", path: root + "/backup", summary: "Copy the store into a new folder on the relay's machine",
			body: BackupRequest{}, answers: BackedUp{}, refusals: []int{400, 409}, handle: (*call).backup,
		},
		{
			method: "GET", path: healthPath, summary: "The process serves", answers: Health{}, handle: (*call).healthz,
		},
		{
			method: "GET", path: readyPath, summary: "The relay accepts events", answers: Health{}, refusals: []int{503}, handle: (*call).readyz,
		},
	}
}
