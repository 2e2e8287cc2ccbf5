package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/curfew-auth/curfew/internal/events"
	"github.com/curfew-auth/curfew/internal/redisstore"
)

func newestTests() []test {
	return []test{
		{"the newest come first, page by page", newestFirst},
		{"an entry that cannot be read has its place", newestUnreadable},
	}
}

// newest lists all subjects in pages of a size.
func (r *room) newest(t *testing.T, size int) (subjects []string) {
	t.Helper()
	var mark redisstore.Mark
	for range 1000 {
		page, next, ended, err := r.store.Newest(t.Context(), mark, size)
		must(t, err)
		for _, h := range page {
			equal(t, "readable", h.Readable, true)
			subjects = append(subjects, h.Subject)
		}
		if ended {
			return subjects
		}
		mark = next
	}
	t.Fatal("the pages have no end")
	return nil
}

func newestFirst(t *testing.T, r *room) {
	equal(t, "of nothing", len(r.newest(t, 3)), 0)
	var all []events.Revocation
	for n := range 20 {
		all = append(all, revocation(events.ScopeToken, fmt.Sprintf("j%02d", n), hour))
	}
	must(t, r.store.Apply(t.Context(), "", all)) // in one script: most expire in the same millisecond
	_, err := r.store.Revoke(t.Context(), revocation(events.ScopeToken, "soon", time.Minute))
	must(t, err)
	_, err = r.store.Revoke(t.Context(), revocation(events.ScopeToken, "late", 2*hour))
	must(t, err)
	whole := r.newest(t, 1000)
	equal(t, "listed", len(whole), 22)
	equal(t, "first", whole[0], "late")
	equal(t, "last", whole[21], "soon")
	for _, size := range []int{1, 7, 22, 23} {
		equal(t, fmt.Sprint("in pages of ", size), fmt.Sprint(r.newest(t, size)), fmt.Sprint(whole))
	}
	page, _, _, err := r.store.Newest(t.Context(), redisstore.Mark{}, 1)
	must(t, err)
	if left := time.Until(page[0].Expires()); left < hour || left > 3*hour {
		t.Errorf("expires in %v", left)
	}
	_, mark, _, err := r.store.Newest(t.Context(), redisstore.Mark{}, 5)
	must(t, err)
	must(t, r.rdb.ZRem(t.Context(), r.prefix+"revs", mark.Key).Err()) // the very one that a page ended with
	rest, _, _, err := r.store.Newest(t.Context(), mark, 1)
	must(t, err)
	equal(t, "goes on with", rest[0].Subject, whole[5])
}

func newestUnreadable(t *testing.T, r *room) {
	rev := revocation(events.ScopeToken, "j1", hour)
	_, err := r.store.Revoke(t.Context(), rev)
	must(t, err)
	must(t, r.rdb.Set(t.Context(), r.prefix+"rev:"+rev.Key(), "7 - {\"scope\":\"galaxy\"}", hour).Err())
	page, _, ended, err := r.store.Newest(t.Context(), redisstore.Mark{}, 5)
	must(t, err)
	if len(page) != 1 || page[0].Readable || !ended {
		t.Errorf("%+v, %v", page, ended)
	}
}
