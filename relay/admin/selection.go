package admin

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"botrelay/relay"
	"botrelay/relay/route"
)

// How many items a page has at most, and when nobody says.
const (
	pageItems = 100
	mostItems = 1000
	// pageTime is how long a page looks when the handler does the looking; the
	// store's own pages keep to the same.
	pageTime = 50 * time.Millisecond
)

// selection is what a request for a list asks for.
type selection struct {
	relay.Query
	filter *route.Filter // all of where
}

// selectEvents reads the parameters that lists have in common.
func (c *call) selectEvents() (sel selection, err error) {
	q := c.query
	sel.Source, sel.Event, sel.Bot = q.Get("source"), q.Get("event"), q.Get("bot")
	sel.Sink, sel.State, sel.From = q.Get("sink"), q.Get("state"), q.Get("from")
	if sel.filter, err = parseWhere(q["where"]); err != nil {
		return sel, err
	}
	now := c.server.now()
	if sel.Since, err = parseTime("since", q.Get("since"), now); err != nil {
		return sel, err
	}
	if sel.Until, err = parseTime("until", q.Get("until"), now); err != nil {
		return sel, err
	}
	sel.Limit, err = parseLimit(q)
	return sel, err
}

// parseWhere reads conditions of the form FIELD=PATTERN. Of several for one
// field any may hold, as in a list of the configuration.
func parseWhere(where []string) (*route.Filter, error) {
	var conditions []route.Condition
	for _, text := range where {
		field, pattern, ok := strings.Cut(text, "=")
		if !ok {
			return nil, badRequest("where %.80q is not FIELD=PATTERN", text)
		}
		if err := route.ParseField(field); err != nil {
			return nil, badRequest("where: %v", err).
				withHint("fields: %s bot.metadata.NAME data.PATH", strings.Join(route.FixedFields(), " "))
		}
		i := slices.IndexFunc(conditions, func(c route.Condition) bool { return c.Field == field })
		if i < 0 {
			i = len(conditions)
			conditions = append(conditions, route.Condition{Field: field})
		}
		conditions[i].Patterns = append(conditions[i].Patterns, parsePattern(pattern))
	}
	return route.NewFilter(conditions)
}

// parsePattern reads a pattern as a value of the configuration is read.
func parsePattern(text string) route.Pattern {
	if text == "null" {
		return route.Null()
	}
	return route.ParsePattern(text)
}

// parseTime reads a moment or an age; nothing is the zero time.
func parseTime(name, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at, nil
	}
	if age, ok := parseAge(text); ok {
		return now.Add(-age), nil
	}
	return time.Time{}, badRequest("%s %.40q is neither a time nor an age", name, text).
		withHint("2026-03-04T15:02:00Z, or 90m, 24h, 7d")
}

// parseAge reads a duration as the configuration writes it, days included.
func parseAge(text string) (time.Duration, bool) {
	var days time.Duration
	if number, rest, ok := strings.Cut(text, "d"); ok {
		n, err := strconv.ParseUint(number, 10, 16)
		if err != nil {
			return 0, false
		}
		days = time.Duration(n) * 24 * time.Hour
		if text = rest; text == "" {
			return days, true
		}
	}
	d, err := time.ParseDuration(text)
	return days + d, err == nil && d >= 0
}

func parseLimit(q url.Values) (int, error) {
	text := q.Get("limit")
	if text == "" {
		return pageItems, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > mostItems {
		return 0, badRequest("limit %.20q is not a number from 1 to %d", text, mostItems)
	}
	return n, nil
}

// flag reads a parameter that is true or false.
func (c *call) flag(name string) (bool, error) {
	switch text := c.query.Get(name); text {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	default:
		return false, badRequest("%s %.20q is neither true nor false", name, text)
	}
}

// checkState refuses a state that is none.
func checkState(state string, more ...string) error {
	known := append([]string{
		relay.StatePending, relay.StateRetrying, relay.StateDelivered,
		relay.StateDead, relay.StateDropped, relay.StateMuted,
	}, more...)
	if state == "" || slices.Contains(known, state) {
		return nil
	}
	return badRequest("state %.40q is none", state).withHint("states: %s", strings.Join(known, " "))
}
