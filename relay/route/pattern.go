package route

import "strings"

// Pattern is a text in which * stands for any run of characters. It covers the
// whole value, and case counts. The zero Pattern matches the empty text.
type Pattern struct {
	text   string   // as written
	null   bool     // matches what is absent, and nothing else
	pieces []string // the literal text between the stars; one piece is no star
}

// Null matches an absent field: missing, or JSON null.
func Null() Pattern { return Pattern{text: "null", null: true} }

// ParsePattern reads a pattern; every text is one. \* is a star itself; any
// other backslash is a backslash.
func ParsePattern(text string) Pattern {
	p := Pattern{text: text}
	var piece strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text) && text[i+1] == '*':
			piece.WriteByte('*')
			i++
		case text[i] == '*':
			p.pieces = append(p.pieces, piece.String())
			piece.Reset()
		default:
			piece.WriteByte(text[i])
		}
	}
	p.pieces = append(p.pieces, piece.String())
	return p
}

// String is the pattern as it was written.
func (p Pattern) String() string { return p.text }

// Literal returns the only text that the pattern matches; ok is false for Null
// and where there is a star.
func (p Pattern) Literal() (text string, ok bool) {
	if p.null || len(p.pieces) > 1 {
		return "", false
	}
	if len(p.pieces) == 0 {
		return "", true
	}
	return p.pieces[0], true
}

// IsNull tells whether the pattern is Null.
func (p Pattern) IsNull() bool { return p.null }

// Match tells whether the pattern covers text. Null matches no text.
func (p Pattern) Match(text string) bool {
	if p.null {
		return false
	}
	if len(p.pieces) <= 1 {
		return len(p.pieces) == 1 && p.pieces[0] == text || len(p.pieces) == 0 && text == ""
	}
	first, last := p.pieces[0], p.pieces[len(p.pieces)-1]
	if len(text) < len(first)+len(last) || !strings.HasPrefix(text, first) || !strings.HasSuffix(text, last) {
		return false
	}
	text = text[len(first) : len(text)-len(last)]
	for _, piece := range p.pieces[1 : len(p.pieces)-1] {
		i := strings.Index(text, piece)
		if i < 0 {
			return false
		}
		text = text[i+len(piece):]
	}
	return true
}

func (p Pattern) matchValue(v value) bool {
	switch {
	case !v.present:
		return p.null
	case !v.scalar:
		return p.anything()
	default:
		return p.Match(v.text)
	}
}

// anything tells whether the pattern is stars alone.
func (p Pattern) anything() bool {
	if p.null || len(p.pieces) < 2 {
		return false
	}
	for _, piece := range p.pieces {
		if piece != "" {
			return false
		}
	}
	return true
}
