package events

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// maxProof bounds the path of a proof: 2^32 questions share no beat.
const maxProof = 32

// A tree commits to the nonces of all questions that one beat answers: it is the
// Merkle tree of RFC 6962 section 2.1, as in the log of Go's checksum database.
type tree struct {
	size   int64
	hashes []tlog.Hash
}

func newTree(nonces []string) (t tree, err error) {
	for _, nonce := range nonces {
		add, err := tlog.StoredHashes(t.size, []byte(nonce), t)
		if err != nil {
			return t, fmt.Errorf("events: questions: %w", err)
		}
		t.hashes, t.size = append(t.hashes, add...), t.size+1
	}
	return t, nil
}

// ReadHashes implements tlog.HashReader.
func (t tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index < 0 || index >= int64(len(t.hashes)) {
			return nil, fmt.Errorf("events: no hash %d", index)
		}
		out[i] = t.hashes[index]
	}
	return out, nil
}

// root is what the beat bears.
func (t tree) root() (*Root, error) {
	hash, err := tlog.TreeHash(t.size, t)
	if err != nil {
		return nil, fmt.Errorf("events: questions: %w", err)
	}
	return &Root{Questions: t.size, Hash: hash}, nil
}

// proof shows that the nth nonce is in the tree.
func (t tree) proof(n int64) (Proof, error) {
	path, err := tlog.ProveRecord(t.size, n, t)
	if err != nil {
		return Proof{}, fmt.Errorf("events: questions: %w", err)
	}
	return Proof{Question: n, Path: path}, nil
}

// A Root is the commitment of a beat to the questions that it answers.
type Root struct {
	Questions int64     `json:"n"` // how many there are
	Hash      tlog.Hash `json:"hash"`
}

// A Proof shows that a question is one of those that a beat answers.
type Proof struct {
	Question int64            `json:"n"`
	Path     tlog.RecordProof `json:"path,omitempty"`
}

// shows reports whether the proof holds for a nonce and the root of a beat. Since
// nobody knew the nonce before the question was asked, the beat was made later.
func (p Proof) shows(r *Root, nonce string) bool {
	return r != nil && nonce != "" && len(p.Path) <= maxProof &&
		tlog.CheckRecord(p.Path, r.Questions, r.Hash, p.Question, tlog.RecordHash([]byte(nonce))) == nil
}
