package config

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// Hash tells one configuration from another: it stands for the contents of all
// files that were read, in twelve hex digits. The environment is not in it.
func (f *File) Hash() string {
	h := sha256.New()
	for _, name := range f.Files() {
		data := f.contents[name].data
		h.Write(binary.AppendUvarint(nil, uint64(len(name))))
		h.Write([]byte(name))
		h.Write(binary.AppendUvarint(nil, uint64(len(data))))
		h.Write(data)
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}
