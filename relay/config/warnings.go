package config

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"botrelay/relay"
	"botrelay/relay/recall"
	"botrelay/relay/route"
)

// warnDisk warns of a limit that a database does not have.
func (f *File) warnDisk() {
	database := strings.HasPrefix(f.Store, "postgres://") || strings.HasPrefix(f.Store, "postgresql://")
	e, ok := f.readMapping(f.root).find("retention")
	if !database || !ok || follow(e.value).Kind != yaml.MappingNode {
		return
	}
	if b := f.block(follow(e.value), e.key, "retention"); b.Has("max_disk") {
		b.Warnf("max_disk", "max_disk has no effect on PostgreSQL")
	}
}

// vocabulary is what Recall documents, by field, for warnings about patterns
// that match nothing of it.
type vocabulary map[string][]string

func newVocabulary() vocabulary {
	events := slices.DeleteFunc(recall.Events(), func(event string) bool { return event == legacyEvent })
	v := vocabulary{"event": events, "code": recall.StatusCodes()}
	for _, c := range recall.Codes() {
		v["sub_code"] = append(v["sub_code"], c.Code)
	}
	return v
}

const legacyEvent = "bot.status_change"

// warnUnknown warns of patterns that match nothing documented, of the legacy
// name, and of sides where there are none.
func (f *File) warnUnknown() {
	words := newVocabulary()
	for _, r := range f.routes {
		for _, blocks := range [][]condBlock{r.Match.blocks, r.Except.blocks} {
			for _, b := range blocks {
				f.warnBlock(b, words)
			}
		}
	}
}

func (f *File) warnBlock(b condBlock, words vocabulary) {
	wantsSide := slices.ContainsFunc(b, func(c condition) bool {
		return c.field == "side" && !slices.ContainsFunc(c.patterns, func(p pattern) bool { return p.null })
	})
	for _, c := range b {
		for _, p := range c.patterns {
			if p.null || !p.plain {
				continue
			}
			known := f.warnPattern(c.field, p, words)
			if c.field == "event" && known && wantsSide && !canHaveSide(p.compile()) {
				f.warn(f.text.at(p.node), p.path,
					"%s has no side (bot.fatal, bot.call_ended, bot.recording_permission_denied and botrelay.bot_* have)", quoteLess(p.text))
			}
		}
	}
}

// warnPattern returns false if it warned: then nothing more is to be said.
func (f *File) warnPattern(field string, p pattern, words vocabulary) bool {
	documented, listed := words[field]
	switch {
	case field == "event" && p.text == legacyEvent:
		f.warn(f.text.at(p.node), p.path, "%s arrives as bot.<code> (match bot.fatal, or code: fatal)", legacyEvent)
		return false
	case !listed || field == "event" && isDerived(p) || slices.ContainsFunc(documented, p.compile().Match):
		return true
	}
	f.warn(f.text.at(p.node), p.path, "no documented %s is called %s%s", field, quote(p.text), didYouMean(p.text, documented))
	return false
}

// canHaveSide tells whether a pattern matches an event that has a side.
func canHaveSide(p route.Pattern) bool {
	if literal, ok := p.Literal(); ok {
		return recall.HasSide(literal)
	}
	if strings.HasPrefix(p.String(), relay.DerivedPrefix) {
		return p.Match("botrelay.bot_stuck") || p.Match("botrelay.bot_not_recorded")
	}
	return slices.ContainsFunc(recall.Events(), func(event string) bool { return recall.HasSide(event) && p.Match(event) })
}
