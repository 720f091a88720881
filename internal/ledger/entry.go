// Package ledger keeps the append-only record of every access, chained by hashes.
package ledger

// Head names the newest entry of a ledger; the zero Head is that of an empty one.
type Head struct {
	// Seq is the entry's number, counted from 1; Hash its hash as 64 lower-case hex digits.
	Seq  int64  `json:"seq"`
	Hash string `json:"hash"`
}
