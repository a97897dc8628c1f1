package recall

import (
	"slices"

	"botrelay/relay"
)

// CatalogueDate is the month of the newest text by Recall that the catalogue
// was compared with. Each entry keeps its own in Seen.
const CatalogueDate = "June 2025"

// CatalogueURL is Recall's own list of sub codes.
const CatalogueURL = "https://docs.recall.ai/docs/sub-codes"

// With says with which event a sub code comes.
type With string

// The events that carry the sub codes of the catalogue.
const (
	WithFatal      With = "fatal"      // bot.fatal
	WithCallEnded  With = "call_ended" // bot.call_ended
	WithPermission With = "permission" // bot.recording_permission_denied
)

// Event is the name of that event.
func (w With) Event() string {
	if w == WithPermission {
		return "bot.recording_permission_denied"
	}
	return "bot." + string(w)
}

// Code is one entry of the catalogue: what a sub code means, in botrelay's own
// words, and whose turn it is, by botrelay's reading.
type Code struct {
	Code     string
	With     With
	Side     string
	Platform string // by the code's prefix; empty for codes of any platform

	Title       string // the cause in plain words, as it stands after "Bot could not join: "
	Short       string // the title where there is little room; never empty
	Explanation string // one or two sentences: what has happened
	NextStep    string // one sentence: what to do about it
	OurAdvice   bool   // the next step is botrelay's; Recall documents none
	URL         string // a page that helps; may be empty
	LinkText    string // the text of that link; empty without one

	Source     string // where the code is documented
	Seen       string // the month of that text
	ThirdParty bool   // known from lists of others only, not from Recall's own
	Withdrawn  bool   // Recall no longer lists it; stored events may still have it
}

// thirdParty is the source of entries that Recall's own list did not have.
const (
	thirdParty     = "lists in public code, newer than Recall's list of " + CatalogueDate
	thirdPartySeen = "after " + CatalogueDate
)

// entries completes the entries of one side that come with one event.
func entries(side string, with With, codes ...Code) []Code {
	for i := range codes {
		c := &codes[i]
		c.Side, c.With = side, with
		c.Platform = Platform(relay.Some(c.Code))
		if c.Short == "" {
			c.Short = c.Title
		}
		c.Source, c.Seen = CatalogueURL, CatalogueDate
		if c.ThirdParty {
			c.Source, c.Seen = thirdParty, thirdPartySeen
		}
	}
	return codes
}

// catalogue is the one table. Entries are marked when Recall withdraws them,
// never removed.
var catalogue = slices.Concat(
	accountCodes, hostFatalCodes, hostCallCodes, platformCodes, recallCodes, nobodyCodes, unknownCodes)

// byCode finds an entry's place in the catalogue.
var byCode = func() map[string]int {
	m := make(map[string]int, len(catalogue))
	for i := range catalogue {
		m[catalogue[i].Code] = i
	}
	return m
}()

// Lookup returns the entry of a sub code. false means that it is not in the
// catalogue, which says nothing against it: new ones come without notice.
func Lookup(code string) (Code, bool) {
	i, ok := byCode[code]
	if !ok {
		return Code{}, false
	}
	return catalogue[i], true
}

// Codes returns a copy of the catalogue: by side in the order account, host,
// platform, recall, nobody, unknown, and within a side in the order of the
// table.
func Codes() []Code { return slices.Clone(catalogue) }

// CatalogueSize is the number of entries.
func CatalogueSize() int { return len(catalogue) }
