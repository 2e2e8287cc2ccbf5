package redisstore

import (
	_ "embed"

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed lua/prelude.lua
	preludeSource string
	//go:embed lua/create.lua
	createSource string
	//go:embed lua/limit.lua
	limitSource string
	//go:embed lua/rotate.lua
	rotateSource string
	//go:embed lua/get.lua
	getSource string
	//go:embed lua/list.lua
	listSource string
	//go:embed lua/take.lua
	takeSource string
	//go:embed lua/apply.lua
	applySource string
	//go:embed lua/revoke.lua
	revokeSource string
	//go:embed lua/now.lua
	nowSource string
	//go:embed lua/refill.lua
	refillSource string
	//go:embed lua/vouch.lua
	vouchSource string
	//go:embed lua/keep.lua
	keepSource string
	//go:embed lua/withdraw.lua
	withdrawSource string
	//go:embed lua/reap.lua
	reapSource string
	//go:embed lua/reaped.lua
	reapedSource string
	//go:embed lua/tally.lua
	tallySource string
	//go:embed lua/whoami.lua
	whoamiSource string
	//go:embed lua/lookup.lua
	lookupSource string
)

// scripts holds one script per transition.
type scripts struct {
	create, rotate, get, list, revoke, apply, now, refill, vouch, keep, withdraw, reap, reaped, whoami, tally *redis.Script
}

func newScripts() scripts {
	return scripts{
		create:   script(takeSource + limitSource + createSource),
		rotate:   script(rotateSource),
		get:      script(getSource),
		list:     script(listSource),
		revoke:   script(takeSource + revokeSource),
		apply:    script(takeSource + applySource),
		now:      script(nowSource),
		refill:   script(refillSource),
		vouch:    script(vouchSource),
		keep:     script(keepSource),
		withdraw: script(withdrawSource),
		reap:     script(reapSource),
		reaped:   script(reapedSource),
		whoami:   script(whoamiSource),
		tally:    script(tallySource),
	}
}

func script(body string) *redis.Script { return redis.NewScript(preludeSource + body) }
