package config

import (
	"fmt"
	"net"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// outcome is what became of a scalar.
type outcome int

const (
	wrong  outcome = iota // a fault is recorded
	absent                // it resolves to nothing by the default of a reference
	taken
)

// decodeScalar sets v to what a scalar says; unless it is taken, v stays as it
// was.
func (f *File) decodeScalar(n *yaml.Node, path string, fd field, v reflect.Value) outcome {
	c, ok := f.resolve(n, path)
	switch {
	case !ok:
		return wrong
	case c.absent():
		return absent
	case c.skipped && (v.Kind() != reflect.String || len(fd.oneof) > 0):
		return absent
	case c.skipped:
		v.SetString(placeholder(fd, c.text))
		return taken
	}
	if len(fd.oneof) > 0 && !slices.Contains(fd.oneof, c.text) {
		f.fault(f.text.at(n), path, "%s is not one of %s%s", quote(n.Value), strings.Join(fd.oneof, " "), didYouMean(c.text, fd.oneof))
		return wrong
	}
	if message := setScalar(v, c.text, written(n, v), fd); message != "" {
		f.fault(f.text.at(n), path, "%s", message)
		return wrong
	}
	return taken
}

// written is how a message repeats a value: as it stands in the file, so that
// what is behind a reference is not shown; and not at all if it is a secret.
func written(n *yaml.Node, v reflect.Value) string {
	if v.Type() == secretType {
		return "this"
	}
	return quote(n.Value)
}

// setScalar returns what is wrong with text, which a message calls shown.
func setScalar(v reflect.Value, text, shown string, fd field) string {
	switch {
	case v.Type() == durationType:
		d, ok := parseDuration(text)
		if !ok {
			return fmt.Sprintf("%s is not a duration (write %s)", shown, durationHint(text))
		}
		if least, _ := parseDuration(fd.min); d < least {
			return fmt.Sprintf("%s is too short; %s is the least", shown, fd.min)
		}
		v.SetInt(int64(d))
	case v.Type() == sizeType:
		s, ok := parseSize(text)
		if !ok {
			return fmt.Sprintf("%s is not a size (write %s)", shown, sizeHint(text))
		}
		if least, ok := parseSize(fd.min); ok && s < least {
			return fmt.Sprintf("%s is too small; %s is the least", shown, fd.min)
		}
		if most, ok := parseSize(fd.max); ok && s > most {
			return fmt.Sprintf("%s is too large; %s is the most", shown, fd.max)
		}
		v.SetInt(int64(s))
	case v.Type() == rateType:
		r, ok := parseRate(text)
		if !ok {
			return fmt.Sprintf("%s is not a rate (write %s)", shown, rateHint(text))
		}
		v.Set(reflect.ValueOf(r))
	case v.Kind() == reflect.String:
		if message := checkForm(fd.form, text, shown); message != "" {
			return message
		}
		v.SetString(text)
	case v.Kind() == reflect.Bool:
		if text != "true" && text != "false" {
			return shown + " is neither true nor false"
		}
		v.SetBool(text == "true")
	case v.Kind() == reflect.Int:
		return setInt(v, text, shown, fd)
	default:
		panic(fmt.Sprintf("config: %s cannot be decoded", v.Type()))
	}
	return ""
}

var wholeNumber = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)

func setInt(v reflect.Value, text, shown string, fd field) string {
	n, err := strconv.ParseInt(text, 10, 32)
	if !wholeNumber.MatchString(text) {
		return shown + " is not a whole number"
	}
	if err != nil {
		return shown + " is too large"
	}
	if least, err := strconv.ParseInt(fd.min, 10, 32); err == nil && n < least {
		return fmt.Sprintf("%s is too small; %s is the least", shown, fd.min)
	}
	v.SetInt(n)
	return ""
}

// The forms that a text may be asked to have, by the tag form.
const (
	formURL     = "url"
	formSigning = "signing"
	formPath    = "path"
	formListen  = "listen"
	formStore   = "store"
	formRoute   = "routename"
)

// longestRoute is how many characters the name of a route may have.
const longestRoute = 80

func checkForm(form, text, shown string) string {
	switch form {
	case "":
	case formURL:
		if !isURL(text) {
			return fmt.Sprintf("%s is not a URL (write %s)", shown, urlHint(text, shown))
		}
	case formSigning:
		return CheckSigningSecret(Secret(text))
	case formPath:
		if !isPath(text) {
			return fmt.Sprintf("%s is not a path (write /webhooks/recall)", shown)
		}
	case formListen:
		if !isAddress(text) {
			return fmt.Sprintf("%s is not an address to listen at (write :8080)", shown)
		}
	case formStore:
		if text == "" {
			return "a folder is expected here, or postgres://…"
		}
		if strings.Contains(text, "://") && !strings.HasPrefix(text, "postgres://") && !strings.HasPrefix(text, "postgresql://") {
			return "a store is a folder, or a database at postgres://…"
		}
	case formRoute:
		if strings.TrimSpace(text) == "" || runes(text) > longestRoute {
			return fmt.Sprintf("a name has 1 to %d characters, this has %d", longestRoute, runes(strings.TrimSpace(text)))
		}
	default:
		panic(fmt.Sprintf("config: there is no form %q", form))
	}
	return ""
}

// placeholder stands for a text whose references are not resolved.
func placeholder(fd field, written string) string {
	switch {
	case fd.placeholder != "":
		return fd.placeholder
	case fd.form == formURL:
		return "https://placeholder.invalid/"
	case fd.form == formSigning:
		return "whsec_" + "cGxhY2Vob2xkZXIgcGxhY2Vob2xkZXI="
	case fd.form == formPath:
		return "" // the default path
	case fd.form == formListen:
		return ":8080"
	}
	return written
}

func isURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && !strings.ContainsAny(text, " \t\r\n")
}

// urlHint is how an address was probably meant; of one that must not be shown
// only the form.
func urlHint(text, shown string) string {
	if host := "https://" + text; shown == quote(text) && !strings.Contains(text, ":/") && isURL(host) {
		return host
	}
	return "https://…"
}

var pathForm = regexp.MustCompile(`^/[!-~]*$`)

func isPath(text string) bool {
	u, err := url.Parse(text)
	return err == nil && pathForm.MatchString(text) && u.Path == text && (&url.URL{Path: text}).EscapedPath() == text && u.Host == "" && u.RawQuery == "" && u.Fragment == "" &&
		!strings.ContainsAny(text, "?#%{}") && !strings.Contains(text, "//") && !slices.Contains(strings.Split(text, "/"), "..") && !slices.Contains(strings.Split(text, "/"), ".")
}

func isAddress(text string) bool {
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n <= 65535
}
