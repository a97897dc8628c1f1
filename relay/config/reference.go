package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

// content is the text of a scalar with its references resolved.
type content struct {
	text       string
	referenced bool // at least one reference was in it
	skipped    bool // it was not resolved: Options.SkipSecrets
}

// absent tells whether nothing is behind a reference with a default.
func (c content) absent() bool { return c.referenced && !c.skipped && c.text == "" }

var (
	variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	bareName     = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*(:-.*)?$`)
)

// reference is one ${kind:name:-otherwise}.
type reference struct {
	kind, name   string
	otherwise    string
	hasOtherwise bool
}

// String is the reference as it is written, without its default.
func (r reference) String() string { return "${" + r.kind + ":" + r.name + "}" }

// resolve puts references into the text of a scalar. ok is false if that cannot
// be done; the fault is recorded.
func (f *File) resolve(n *yaml.Node, path string) (c content, ok bool) {
	if !strings.Contains(n.Value, "${") {
		return content{text: n.Value}, true
	}
	var out strings.Builder
	rest, ok := n.Value, true
	for {
		i := strings.Index(rest, "${")
		if i < 0 {
			out.WriteString(rest)
			break
		}
		if i > 0 && rest[i-1] == '$' {
			out.WriteString(rest[:i-1] + "${")
			rest = rest[i+2:]
			continue
		}
		out.WriteString(rest[:i])
		inner, after, closed := strings.Cut(rest[i+2:], "}")
		r, problem := parseReference(inner)
		if !closed {
			problem = "a reference begins here and has no end (write $${ for a literal)"
		}
		if problem != "" {
			f.fault(f.text.at(n), path, "%s", problem)
			return content{}, false
		}
		c.referenced = true
		text, problem := f.lookUp(r, n, path)
		if problem != "" {
			f.fault(f.text.at(n), path, "%s", problem)
			ok = false
		}
		out.WriteString(text)
		rest = after
	}
	c.text = out.String()
	if f.options.SkipSecrets && c.referenced {
		return content{text: n.Value, referenced: true, skipped: true}, ok
	}
	return c, ok
}

func parseReference(inner string) (r reference, problem string) {
	kind, rest, ok := strings.Cut(inner, ":")
	if !ok || kind != "env" && kind != "file" {
		written := quoteLess("${" + inner + "}")
		if bareName.MatchString(inner) {
			return r, fmt.Sprintf("%s is not a reference (write ${env:%s}, or $${ for a literal)", written, quoteLess(inner))
		}
		return r, fmt.Sprintf("%s is not a reference (write ${env:NAME} or ${file:PATH}, or $${ for a literal)", written)
	}
	r.kind = kind
	r.name, r.otherwise, r.hasOtherwise = strings.Cut(rest, ":-")
	if kind == "env" && !variableName.MatchString(r.name) {
		return r, quote(r.name) + " is not the name of a variable (write ${env:NAME})"
	}
	if r.name == "" || strings.Contains(r.name, "\x00") {
		return r, "the reference names no file (write ${file:/path})"
	}
	return r, ""
}

// quoteLess is text as quote repeats it, without the quotation marks.
func quoteLess(text string) string {
	q := quote(text)
	return q[1 : len(q)-1]
}

// lookUp returns what is behind a reference, or what is wrong with it.
func (f *File) lookUp(r reference, n *yaml.Node, path string) (text, problem string) {
	if f.options.SkipSecrets {
		return "", ""
	}
	if r.kind == "env" {
		text, problem = f.variable(r)
	} else {
		text, problem = f.fileText(r, n, path)
	}
	if text != "" && text != r.otherwise {
		f.masks[text] = r.String()
	}
	return text, problem
}

func (f *File) variable(r reference) (text, problem string) {
	text, set := f.options.Getenv(r.name)
	switch {
	case text != "":
		return text, ""
	case r.hasOtherwise:
		return r.otherwise, ""
	case set:
		return "", fmt.Sprintf("environment variable %s is empty (or give a default: ${env:%s:-text})", r.name, r.name)
	}
	return "", fmt.Sprintf("environment variable %s is not set (or give a default: ${env:%s:-text})", r.name, r.name)
}

func (f *File) fileText(r reference, n *yaml.Node, path string) (text, problem string) {
	data, err := f.read(r.name)
	switch {
	case err == nil:
		f.warnMount(r.name, f.text.at(n), path)
		text = strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	case !errors.Is(err, fs.ErrNotExist) || !r.hasOtherwise:
		return "", cannotRead(r.name, err)
	}
	switch {
	case text != "":
		return text, ""
	case r.hasOtherwise:
		return r.otherwise, ""
	}
	return "", fmt.Sprintf("%s is empty (or give a default: ${file:%s:-text})", quoteLess(r.name), quoteLess(r.name))
}

// read returns the content of a file, read once in each Load.
func (f *File) read(name string) ([]byte, error) {
	if known, ok := f.contents[name]; ok {
		return known.data, known.err
	}
	data, err := f.options.ReadFile(name)
	f.contents[name] = fileContent{data, err}
	return data, err
}

type fileContent struct {
	data []byte
	err  error
}

func cannotRead(name string, err error) string {
	return fmt.Sprintf("cannot read %s: %s", quoteLess(name), readTrouble(err))
}

// readTrouble is the cause of a read error without the path, which stands
// before it already.
func readTrouble(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "no such file"
	case errors.Is(err, fs.ErrPermission):
		return "permission denied"
	}
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	return err.Error()
}

// fileLimit is the most that a configuration, or a file that it refers to, may have.
const fileLimit = 1 << 20

var errTooLarge = errors.New("it has more than 1 MiB")

// readFile reads an ordinary file of at most fileLimit bytes; a device or a
// pipe would never end.
func readFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, errors.New("it is a folder")
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a file")
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, fileLimit+1))
	if err == nil && len(data) > fileLimit {
		return nil, errTooLarge
	}
	return data, err
}
