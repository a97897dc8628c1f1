package config

import (
	"crypto/tls"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

// Source is a sender with its own path and secrets.
type Source struct {
	Name    string
	Secrets []Secret `key:"secrets,required" form:"signing"` // at least one; each is good for a signature
	Path    string   `key:"path" form:"path"`                // never empty
	MaxBody Size     `key:"max_body" min:"1KiB" max:"32MiB"`

	block *Block
}

// sourcePrefix is where a source receives unless its path says otherwise.
const sourcePrefix = "/webhooks/"

type sourceList []Source

func (l *sourceList) decodeNode(f *File, n, key *yaml.Node, path string) {
	f.eachNamed(n, key, path, func(name string, b *Block) {
		if b == nil {
			return
		}
		s := Source{Name: name, MaxBody: 1 << 20, block: b}
		b.Decode(&s)
		if s.Path == "" {
			s.Path = sourcePrefix + name
		}
		*l = append(*l, s)
	})
}

// eachNamed calls do for every block of a mapping whose keys are names; b is
// nil where the value is no block.
func (f *File) eachNamed(n, key *yaml.Node, path string, do func(name string, b *Block)) {
	if !f.expect(entry{key, n}, n, yaml.MappingNode, path) {
		return
	}
	m := f.mapping(n, path)
	if len(m.entries) == 0 {
		f.fault(f.text.at(key), path, "there is none; one is needed at least")
	}
	for _, e := range m.entries {
		name := e.key.Value
		if message := checkName(name); message != "" {
			f.fault(f.text.at(e.key), path, "%s", message)
		}
		at := join(path, name)
		value, ok := f.usable(e, at)
		if ok && f.expect(e, value, yaml.MappingNode, at) {
			do(name, f.block(value, e.key, at))
		} else {
			do(name, nil)
		}
	}
}

var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)

// checkName returns what is wrong with the name of a source or a sink.
func checkName(name string) string {
	if name == "botrelay" {
		return `"botrelay" is the relay's own name`
	}
	if nameForm.MatchString(name) {
		return ""
	}
	hint := ""
	if good := goodName(name); good != "" {
		hint = " (try " + quote(good) + ")"
	}
	return quote(name) + " is not a name: a-z 0-9 _ -" + hint
}

// goodName makes a name of any text; empty if nothing is left.
func goodName(text string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return '-'
	}, strings.ToLower(text))
	name = strings.TrimRight(strings.TrimLeft(name, "-_"), "-")
	if len(name) > quoteLimit || name == "botrelay" {
		return ""
	}
	return name
}

// ownPaths are those that the relay answers itself.
var ownPaths = []string{"/healthz", "/readyz"}

// checkPaths finds sources that cannot be told apart.
func (f *File) checkPaths() {
	first := map[string]string{}
	for _, own := range ownPaths {
		first[own] = ""
	}
	for _, s := range f.Sources {
		other, taken := first[s.Path]
		switch {
		case !taken:
			first[s.Path] = s.Name
		case other == "":
			s.block.Errorf("path", "%s is botrelay's own", s.Path)
		default:
			s.block.Errorf("path", "%s is also the path of %s", s.Path, other)
		}
	}
}

// checkTLS makes sure that the listener's certificate can be used.
func (f *File) checkTLS() {
	if f.TLS == (TLS{}) || f.Faulty() {
		return
	}
	e, _ := f.readMapping(f.root).find("tls")
	b := f.block(follow(e.value), e.key, "tls")
	cert, certOK := b.ReadFile("cert", f.TLS.Cert)
	key, keyOK := b.ReadFile("key", f.TLS.Key)
	if !certOK || !keyOK {
		return
	}
	if _, err := tls.X509KeyPair(cert, key); err != nil {
		b.Errorf("cert", "not a certificate with its key: %v", err)
	}
}
