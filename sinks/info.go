package sinks

import (
	"net/url"

	"botrelay/sinks/slacksink"
)

// Info describes one sink for people.
type Info struct {
	Name  string
	Type  string
	Where string // where it goes, without secrets: a channel, a topic, a host
	Alert bool   // takes alerts: its deliveries are for people
}

// Infos describes the sinks in file order.
func (p *Plan) Infos() []Info {
	infos := make([]Info, len(p.sinks))
	for i, s := range p.sinks {
		infos[i] = Info{Name: s.name, Type: s.kind, Where: s.read.where, Alert: s.kind == "slack"}
	}
	return infos
}

// slackWhere is the channel, where the file knows it.
func slackWhere(o slacksink.Options) string {
	if o.Channel == "" {
		return "the incoming webhook's channel"
	}
	return o.Channel
}

// originOf is an address without its path, which may hold a secret.
func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
