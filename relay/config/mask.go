package config

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// masked replaces what a message is put together of, so that it shows nothing
// that came from a reference, whatever quoting is added later.
func (f *File) masked(args []any) []any {
	safe := make([]any, len(args))
	for i, arg := range args {
		switch a := arg.(type) {
		case Secret:
			safe[i] = a
		case error:
			safe[i] = f.mask(a.Error())
		case fmt.Stringer:
			safe[i] = f.mask(a.String())
		default:
			safe[i] = f.maskedKind(arg)
		}
	}
	return safe
}

// maskedKind leaves numbers as they are, since the format may want them so.
func (f *File) maskedKind(arg any) any {
	switch kind := reflect.ValueOf(arg).Kind(); {
	case kind == reflect.String:
		return f.mask(reflect.ValueOf(arg).String())
	case kind > reflect.Complex128:
		return f.mask(fmt.Sprint(arg))
	}
	return arg
}

// maskedLength is from where on a text that came from a reference is hidden
// inside longer texts, too. A shorter one is hidden where it stands alone: as a
// part of words it says nothing.
const maskedLength = 4

// mask shows each text that came from a reference as that reference.
func (f *File) mask(text string) string {
	if written, ok := f.masks[text]; ok {
		return written
	}
	longestFirst := slices.SortedFunc(maps.Keys(f.masks), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
	for _, value := range longestFirst {
		if len(value) >= maskedLength {
			text = strings.ReplaceAll(text, value, f.masks[value])
		}
	}
	return text
}
