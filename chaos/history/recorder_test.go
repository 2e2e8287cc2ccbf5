package history

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestRecorderIsConcurrentAndStreams(t *testing.T) {
	var file bytes.Buffer
	r := NewRecorder(&file)
	var wg sync.WaitGroup
	for client := range 8 {
		wg.Go(func() {
			end := r.Fault(fmt.Sprintf("fault %d", client))
			defer r.Lapse("e1", "killed")()
			defer r.Limit("e1", bound)()
			for i := range 50 {
				id := fmt.Sprintf("%d-%d", client, i)
				at := span(r.Now(), r.Now())
				r.Login(Grant{Span: at, SID: "s" + id, JTI: "t" + id, OK: true, Groups: []Target{alice}})
				r.Call(Call{at, "e1", "t" + id, "s" + id, Accepted})
				r.Revoke(Revoke{Span: at, Target: Target{ScopeSession, "s" + id}, Outcome: Lost})
				r.Refresh(Grant{Span: at, SID: "s" + id})
				_ = r.History()
			}
			end()
		})
	}
	wg.Wait()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	h := r.History()
	if h.Len() != 8*(4*50+3) || len(h.Calls) != 400 || len(h.Faults) != 8 || len(h.Lapses) != 8 || len(h.Limits) != 8 {
		t.Errorf("recorded %d operations, %d calls, %d faults", h.Len(), len(h.Calls), len(h.Faults))
	}
	got, err := Read(&file)
	if err != nil || !reflect.DeepEqual(got, h) {
		t.Errorf("read %d operations of %d, %v", got.Len(), h.Len(), err)
	}
}

func TestClockAndFaultWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRecorder(nil)
		time.Sleep(time.Second)
		end := r.Fault("cut")
		_ = r.Fault("stop")
		time.Sleep(time.Second)
		end()
		end() // once is enough
		time.Sleep(time.Second)
		want := []Fault{{span(1*s, 2*s), "cut"}, {span(1*s, 3*s), "stop"}}
		if got := r.History().Faults; !reflect.DeepEqual(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if got := r.History().Faults; !reflect.DeepEqual(got, want) {
			t.Errorf("after Close: got %v, want %v", got, want)
		}
	})
}

// A snapshot and the recording do not write over each other.
func TestSnapshotIsApart(t *testing.T) {
	r := NewRecorder(nil)
	for range 5 { // leaves room behind the last one
		r.Call(call(1*s, 2*s, "e1", "t1", Accepted))
	}
	h := r.History()
	h.Calls = append(h.Calls, call(1*s, 2*s, "e2", "t1", Accepted))
	r.Call(call(1*s, 2*s, "e3", "t1", Accepted))
	if h.Calls[5].Edge != "e2" || r.History().Calls[5].Edge != "e3" {
		t.Errorf("snapshot %v, recorded %v", h.Calls[5].Edge, r.History().Calls[5].Edge)
	}
}

// What does not fit is never lost in silence.
func TestRecorderLimit(t *testing.T) {
	r := NewRecorder(nil)
	r.limit = 2
	for range 3 {
		r.Revoke(revoke(1*s, 2*s, ScopeToken, "t1", Committed))
	}
	h := r.History()
	if len(h.Revokes) != 2 || !errors.Is(r.Close(), ErrBadHistory) {
		t.Errorf("kept %d, Close: %v", len(h.Revokes), r.Close())
	}
	wantKinds(t, Check(h, bound, 0), Malformed)
	if err := Write(io.Discard, h); !errors.Is(err, ErrBadHistory) {
		t.Errorf("Write: %v", err)
	}
}

type fullDisk struct{}

var errFull = errors.New("disk full")

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestRecorderReportsWriteErrors(t *testing.T) {
	r := NewRecorder(fullDisk{})
	for range 2000 { // more than the buffer holds
		r.Call(call(1*s, 2*s, "e1", "t1", Accepted))
	}
	if err := r.Close(); !errors.Is(err, errFull) {
		t.Errorf("Close: %v", err)
	}
	if n := len(r.History().Calls); n != 2000 {
		t.Errorf("kept %d calls in memory", n)
	}
	if err := Write(fullDisk{}, r.History()); !errors.Is(err, errFull) {
		t.Errorf("Write: %v", err)
	}
}

func TestWriteThenRead(t *testing.T) {
	h := simulate(7).h
	var file bytes.Buffer
	if err := Write(&file, h); err != nil {
		t.Fatal(err)
	}
	got, err := Read(&file)
	if err != nil || !reflect.DeepEqual(got, h) {
		t.Errorf("read another history, %v", err)
	}
}

func TestReadRefuses(t *testing.T) {
	const good = `{"call":{"start":1,"end":2,"edge":"e1","jti":"t1","sid":"s1","outcome":"accepted"}}` + "\n"
	for name, bad := range map[string]string{
		"no JSON":        "hello\n",
		"a cut line":     good[:40],
		"no operation":   "{}\n",
		"two operations": `{"login":{"start":1},"refresh":{"start":1}}` + "\n",
		"unknown field":  `{"call":{"start":1,"colour":"red"}}` + "\n",
		"two values":     strings.TrimSpace(good) + good,
		"a huge line":    `{"call":{"edge":"` + strings.Repeat("e", maxLine) + `"}}` + "\n",
	} {
		h, err := Read(strings.NewReader(good + bad + good))
		if !errors.Is(err, ErrBadHistory) || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%s: %v", name, err)
		}
		if h.Len() != 1 {
			t.Errorf("%s: %d operations before it", name, h.Len())
		}
	}
	if h, err := read(strings.NewReader(good+good+good), 2); h.Len() != 2 || !errors.Is(err, ErrBadHistory) {
		t.Errorf("over the limit: %d operations, %v", h.Len(), err)
	}
}

// Whatever a file holds, it is read or refused, and what was read is judged.
func FuzzReadAndCheck(f *testing.F) {
	var file bytes.Buffer
	if err := Write(&file, simulate(1).h); err != nil {
		f.Fatal(err)
	}
	f.Add(file.Bytes()[:min(file.Len(), 4000)])
	f.Add([]byte(`{"revoke":{"start":-9223372036854775808,"end":9223372036854775807,"scope":"token","id":"t"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, _ := Read(bytes.NewReader(data))
		if r := Check(h, bound, 0); r.String() == "" || r.Ops != h.Len() {
			t.Errorf("%d operations judged of %d", r.Ops, h.Len())
		}
	})
}
