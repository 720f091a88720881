package work

// Cost is what reading cost a source.
type Cost struct {
	// Bytes is what was read, in the form of COPY.
	Bytes int64 `json:"bytes"`
	// Milliseconds is how long locks were held or waited for.
	Milliseconds int64 `json:"ms"`
	// Sessions is how many there were at most, at once.
	Sessions int `json:"sessions"`
	// SnapshotMS is the longest time that a snapshot kept VACUUM from cleaning.
	SnapshotMS int64 `json:"snapshot_ms"`
	// LongestWaitMS is the longest time that somebody was seen waiting for us.
	LongestWaitMS int64 `json:"longest_wait_ms"`
	// PausedMS is how long reading paused because the source was busy.
	PausedMS int64 `json:"paused_ms,omitempty"`
}

// Add returns the cost of both, one after the other.
func (c Cost) Add(d Cost) Cost {
	return Cost{
		Bytes: c.Bytes + d.Bytes, Milliseconds: c.Milliseconds + d.Milliseconds, Sessions: max(c.Sessions, d.Sessions),
		SnapshotMS: max(c.SnapshotMS, d.SnapshotMS), LongestWaitMS: max(c.LongestWaitMS, d.LongestWaitMS), PausedMS: c.PausedMS + d.PausedMS,
	}
}
