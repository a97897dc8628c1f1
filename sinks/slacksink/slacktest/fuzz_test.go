package slacktest

import "testing"

// FuzzAccept holds that nothing a client posts stops the stand-in.
func FuzzAccept(f *testing.F) {
	for _, v := range violations {
		seed := map[string]string{}
		for i := 0; i < len(v.changes); i += 2 {
			seed[v.changes[i]] = v.changes[i+1]
		}
		f.Add("hello", seed["blocks"], seed["metadata"])
	}
	f.Add("<!here> &amp; <@U0123DANA>", "[null]", "null")
	f.Add("", `[{"type":"section","text":null,"fields":null,"accessory":{}}]`, `{"event_payload":{}}`)
	f.Fuzz(func(t *testing.T, text, blocks, metadata string) {
		s := &Server{}
		d := draft{channel: channel, text: text, blocks: blocks, metadata: metadata}
		if _, code := s.accept(&d); code != "" && len(d.faults) == 0 {
			t.Errorf("refused with %s, without a fault", code)
		}
	})
}
