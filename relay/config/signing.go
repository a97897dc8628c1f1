package config

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// leastSecretBytes is the shortest key that a signature may be made with.
const leastSecretBytes = 16

// CheckSigningSecret returns what is wrong with a signing secret as Recall and
// Svix write them (whsec_ and a key in base64), or the empty text. The message
// repeats nothing of it.
func CheckSigningSecret(secret Secret) (message string) {
	text := string(secret)
	encoded, ok := strings.CutPrefix(text, "whsec_")
	switch {
	case strings.ContainsAny(text, " \t\r\n\u00a0"):
		return "there is a blank in it"
	case strings.HasPrefix(text, "v1,"):
		return `cut "v1," from the front: the secret starts with whsec_`
	case strings.HasPrefix(text, "whpk_"):
		return "whpk_ is a public key; the secret starts with whsec_"
	case !ok:
		return "this looks like an API key; the signing secret starts with whsec_"
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	switch {
	case err != nil:
		return "this is not base64 after whsec_ (is the = at the end missing?)"
	case len(key) < leastSecretBytes:
		return fmt.Sprintf("the key has %d bytes; %d are the least", len(key), leastSecretBytes)
	}
	return ""
}
