package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// screen is where a command shows an answer, and how: it renders and asks
// nothing.
type screen struct {
	out   io.Writer
	now   time.Time
	zone  *time.Location
	paint painter
}

func (s screen) printf(format string, args ...any) { fmt.Fprintf(s.out, format, args...) }

func (s screen) table(t *table) { t.write(s.out, s.paint) }

// at is a moment with its day: 4 March 15:20.
func (s screen) at(t time.Time) string { return s.format(t, "2 January 15:04", "2 January 2006 15:04") }

// clock is the time of day alone where the day is today's.
func (s screen) clock(t time.Time) string {
	if s.day(t) == s.day(s.now) {
		return t.In(s.zone).Format("15:04")
	}
	return s.at(t)
}

// day is 4 March, with the year where it is not this one.
func (s screen) day(t time.Time) string { return s.format(t, "2 January", "2 January 2006") }

func (s screen) format(t time.Time, thisYear, otherYear string) string {
	t = t.In(s.zone)
	if t.Year() != s.now.In(s.zone).Year() {
		return t.Format(otherYear)
	}
	return t.Format(thisYear)
}

// zoneName is UTC, or the abbreviation of the terminal's zone at t.
func (s screen) zoneName(t time.Time) string {
	name, _ := t.In(s.zone).Zone()
	return name
}

// dayTitle heads a column of times: 4 MARCH, UTC.
func (s screen) dayTitle(t time.Time) string {
	return strings.ToUpper(s.day(t)) + ", " + s.zoneName(t)
}

// ago is 2 s ago, 6 min ago, never.
func (s screen) ago(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return lasting(s.now.Sub(t)) + " ago"
}

// age is how long ago something was, in a narrow column: - for never.
func (s screen) age(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return lasting(s.now.Sub(t))
}

// jsonLine writes one object in a line of its own.
func jsonLine(out io.Writer, value any) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return failed("write the answer as JSON: %v", err)
	}
	return nil
}

// sight is what the flags of a command say about how it shows answers.
type sight struct{ json, local bool }

func (v *sight) addFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&v.json, "json", false, "answer in JSON, one object a line")
	cmd.Flags().BoolVar(&v.local, "local", false, "times in this terminal's zone instead of UTC")
}

func (v *sight) screen(env environment) screen {
	s := screen{out: env.stdout, now: time.Now(), zone: v.zone()}
	plain, _ := env.getenv("NO_COLOR")
	s.paint.colours = plain == "" && isTerminal(env.stdout)
	return s
}

func (v *sight) zone() *time.Location {
	if v.local {
		return time.Local
	}
	return time.UTC
}
