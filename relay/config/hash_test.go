package config

import "testing"

func TestHashStandsForAllFiles(t *testing.T) {
	text := `sources: {recall: {secrets: "${file:/s}"}}
sinks: {lake: {type: log}}
routes: [{name: all, to: lake}]
`
	hash := func(text, secret string) string {
		return load(text, world{files: map[string]string{"/s": secret}}).Hash()
	}
	one := hash(text, goodSecret)
	if len(one) != 12 || one != hash(text, goodSecret) {
		t.Errorf("the hash is %q, then %q", one, hash(text, goodSecret))
	}
	if one == hash(text+"#", goodSecret) || one == hash(text, goodSecret+"\n") {
		t.Error("another file has the same hash")
	}
}
