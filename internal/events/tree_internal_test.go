package events

import (
	"encoding/json"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

func nonces(n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprint("nonce-", i))
	}
	return out
}

// Every question of a beat can be shown, and no other: not by another's proof, nor
// by another beat's root, nor without a nonce.
func TestProofsShowTheirOwnQuestionOnly(t *testing.T) {
	other := rooted(t, nonces(3)[:2])
	for n := 1; n <= 33; n++ {
		all := nonces(n)
		tree, err := newTree(all)
		if err != nil {
			t.Fatal(err)
		}
		root := rooted(t, all)
		for i, nonce := range all {
			p, err := tree.proof(int64(i))
			if err != nil {
				t.Fatal(err)
			}
			if p = overTheWire(t, p); !p.shows(root, nonce) {
				t.Fatalf("question %d of %d is not shown", i, n)
			}
			for _, wrong := range []string{"", "nonce-99", fmt.Sprint("nonce-", i+1)} {
				if p.shows(root, wrong) {
					t.Fatalf("question %d of %d: its proof shows %q", i, n, wrong)
				}
			}
			if n != 2 && p.shows(other, nonce) || p.shows(nil, nonce) || p.shows(&Root{}, nonce) {
				t.Fatalf("question %d of %d is shown by another root", i, n)
			}
		}
	}
}

// What comes from outside may be anything.
func TestProofsOfNothing(t *testing.T) {
	root := rooted(t, nonces(5))
	for _, p := range []Proof{
		{}, {Question: -1}, {Question: 5}, {Question: 1 << 62},
		{Path: make(tlog.RecordProof, 3)}, {Path: make(tlog.RecordProof, 1000)},
	} {
		if p.shows(root, "nonce-1") {
			t.Errorf("%+v shows something", p)
		}
	}
}

func rooted(t *testing.T, nonces []string) *Root {
	t.Helper()
	tree, err := newTree(nonces)
	if err != nil {
		t.Fatal(err)
	}
	root, err := tree.root()
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func overTheWire(t *testing.T, p Proof) (out Proof) {
	t.Helper()
	data, err := json.Marshal(p)
	if err == nil {
		err = json.Unmarshal(data, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}
