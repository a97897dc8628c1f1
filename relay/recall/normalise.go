package recall

import (
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"botrelay/relay"
)

// legacyEvent is the one event name of the legacy bodies; their code says what
// happened.
const legacyEvent = "bot.status_change"

// Normalise reads the fields of a verified body, of either generation. id is
// the event's signed id, the last choice for its key.
//
// A body that cannot be understood gives a short sentence for people as
// trouble, which holds nothing of the payload, and zero fields: it is to be
// quarantined. That is a body which is not one strict JSON object in valid
// UTF-8 (byte order mark, lone surrogates, text behind it), which nests deeper
// than 512, in which a key on the path of a field that is read stands twice or
// in another case, or which has no text that is not empty as "event". Anything
// else is understood; a field that is missing, null or of another type is
// absent, and no value is refused for being unknown.
//
// raw is not changed. The fields share no memory with it but Metadata, which is
// a part of it.
func Normalise(id string, raw []byte) (f relay.Fields, trouble string) {
	var r reader
	if err := r.read(raw); err != nil {
		return relay.Fields{}, err.Error()
	}
	name, ok := r.text(placeEvent).Get()
	switch {
	case !ok:
		return relay.Fields{}, `no "event"`
	case name == "":
		return relay.Fields{}, `"event" is empty`
	}

	f = relay.Fields{Event: name, Metadata: r.found[placeMetadata]}
	r.status(&f)
	if c := f.Code.String(); name == legacyEvent && c != "" {
		f.Event = "bot." + c
	}
	f.BotID = r.text(placeBotID)
	if legacy := r.text(placeLegacyBotID); f.BotID.String() == "" && legacy.String() != "" {
		f.BotID = legacy
	}
	f.Key = r.orderKey(f.BotID.String(), id)
	f.Side = Side(f.Event, f.SubCode)
	f.Platform = Platform(f.SubCode)
	return f, ""
}

// status reads code, sub code and time. They come from one generation's object:
// the current one if it has any of the three, else the legacy one.
func (r *reader) status(f *relay.Fields) {
	at := placeUpdatedAt
	if r.found[placeCode] != nil || r.found[placeSubCode] != nil || r.found[placeUpdatedAt] != nil {
		f.Code, f.SubCode = r.text(placeCode), r.text(placeSubCode)
	} else {
		f.Code, f.SubCode, at = r.text(placeLegacyCode), r.text(placeLegacySubCode), placeLegacyCreatedAt
	}
	f.At = readTime(r.text(at).String())
}

// orderKey is the ordering key.
func (r *reader) orderKey(bot, id string) string {
	if bot != "" {
		return bot
	}
	for _, p := range [...]place{placeRecordingID, placeSDKUploadID, placeCalendarID, placeSlackTeamID} {
		if s := r.text(p).String(); s != "" {
			return s
		}
	}
	return id
}

// text is the text at p, as a copy.
func (r *reader) text(p place) relay.Optional {
	v := r.found[p]
	if v == nil {
		return relay.Optional{}
	}
	if quoted := string(v[1 : len(v)-1]); strings.IndexByte(quoted, '\\') < 0 {
		return relay.Some(quoted)
	}
	plain, err := jsontext.AppendUnquote(nil, v)
	if err != nil {
		return relay.Optional{} // the decoder has read it, so it is a valid string
	}
	return relay.Some(string(plain))
}

// The years in which a time is believed. Stores keep times as nanoseconds, which
// end in 2262; anything outside is no time of a meeting.
const firstYear, lastYear = 1970, 2200

// readTime reads RFC 3339 with Z or an offset, and also without a zone as UTC
// and with a blank for the T: all of them occur in Recall's documents and
// samples. Anything else is the zero time.
func readTime(s string) time.Time {
	const seconds = len("2006-01-02T15:04:05")
	if len(s) < seconds || len(s) > 64 || s[13] != ':' || s[16] != ':' {
		return time.Time{}
	}
	if s[10] == ' ' {
		s = s[:10] + "T" + s[11:]
	}
	if zone := s[seconds:]; strings.Contains(zone, ",") {
		return time.Time{}
	} else if !strings.ContainsAny(zone, "Z+-") {
		s += "Z"
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}
	}
	if _, offset := t.Zone(); offset <= -day || offset >= day {
		return time.Time{}
	}
	if t = t.UTC(); t.Year() < firstYear || t.Year() > lastYear {
		return time.Time{}
	}
	return t
}

const day = 24 * 60 * 60 // seconds
