package config

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

type unit struct {
	name  string
	value int64
}

var durationUnits = []unit{
	{"ms", int64(time.Millisecond)}, {"s", int64(time.Second)}, {"m", int64(time.Minute)},
	{"h", int64(time.Hour)}, {"d", 24 * int64(time.Hour)},
}

var sizeUnits = []unit{
	{"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9},
}

var rateUnits = []unit{{"s", int64(time.Second)}, {"m", int64(time.Minute)}, {"h", int64(time.Hour)}}

// leadingNumber splits "5 min" into 5 and "min".
var leadingNumber = regexp.MustCompile(`^\s*([0-9]{1,9})\s*/?\s*([A-Za-z]*)\s*$`)

func unitValue(units []unit, name string) (int64, bool) {
	for _, u := range units {
		if u.name == name {
			return u.value, true
		}
	}
	return 0, false
}

// number reads the digits at the front of text.
func number(text string) (n int64, rest string, ok bool) {
	end := 0
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	n, err := strconv.ParseInt(text[:end], 10, 64)
	return n, text[end:], err == nil
}

// parseDuration reads 90s, 15m, 6h, 7d, 250ms and sums of them such as 1h30m.
func parseDuration(text string) (time.Duration, bool) {
	if text == "" {
		return 0, false
	}
	var sum int64
	for text != "" {
		n, rest, ok := number(text)
		if !ok {
			return 0, false
		}
		end := 0
		for end < len(rest) && (rest[end] < '0' || rest[end] > '9') {
			end++
		}
		value, ok := unitValue(durationUnits, rest[:end])
		if !ok || n > (math.MaxInt64-sum)/value {
			return 0, false
		}
		sum, text = sum+n*value, rest[end:]
	}
	return time.Duration(sum), true
}

// parseSize reads 512KiB, 10GB.
func parseSize(text string) (Size, bool) {
	n, rest, ok := number(text)
	value, known := unitValue(sizeUnits, rest)
	if !ok || !known || n > math.MaxInt64/value {
		return 0, false
	}
	return Size(n * value), true
}

// parseRate reads 10/s, 60/m, 100/h.
func parseRate(text string) (Rate, bool) {
	n, rest, ok := number(text)
	name, slash := strings.CutPrefix(rest, "/")
	per, known := unitValue(rateUnits, name)
	if !ok || !slash || !known || n < 1 || n > math.MaxInt32 {
		return Rate{}, false
	}
	return Rate{Events: int(n), Per: time.Duration(per)}, true
}

// durationHint is how a text that is no duration was probably meant.
func durationHint(text string) string {
	if d, err := time.ParseDuration(strings.TrimSpace(text)); err == nil && strings.Contains(text, ".") && d > 0 && d%time.Second == 0 {
		if d%time.Minute == 0 {
			return strconv.FormatInt(int64(d/time.Minute), 10) + "m"
		}
		return strconv.FormatInt(int64(d/time.Second), 10) + "s"
	}
	m := leadingNumber.FindStringSubmatch(text)
	if m == nil {
		return "15m"
	}
	word := strings.ToLower(m[2])
	switch {
	case word == "":
		return m[1] + "s"
	case word == "ms" || strings.HasPrefix(word, "mil"):
		return m[1] + "ms"
	case strings.ContainsRune("smhd", rune(word[0])):
		return m[1] + word[:1]
	}
	return m[1] + "s"
}

// sizeHint is how a text that is no size was probably meant.
func sizeHint(text string) string {
	m := leadingNumber.FindStringSubmatch(text)
	if m == nil {
		return "10MiB"
	}
	word := strings.ToUpper(m[2])
	for _, u := range sizeUnits {
		if word == strings.ToUpper(u.name) {
			return m[1] + u.name
		}
	}
	switch {
	case strings.HasPrefix(word, "K"):
		return m[1] + "KiB"
	case strings.HasPrefix(word, "G"):
		return m[1] + "GiB"
	}
	return m[1] + "MiB"
}

// rateHint is how a text that is no rate was probably meant.
func rateHint(text string) string {
	m := leadingNumber.FindStringSubmatch(text)
	if m == nil || strings.Trim(m[1], "0") == "" {
		return "10/s"
	}
	word := strings.ToLower(m[2])
	if word != "" && strings.ContainsRune("smh", rune(word[0])) {
		return m[1] + "/" + word[:1]
	}
	return m[1] + "/s"
}
