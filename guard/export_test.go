package guard

// LiveConnections is how many are watched.
func (g *Guard) LiveConnections() int { return len(g.watches.all()) }
