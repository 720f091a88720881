// Package ledger keeps the record of every access to data: who, what, from where, to where, decided by
// what, with which outcome. It is a file of JSON lines that is only ever appended to; each entry holds the
// hash of the one before it, so that no line can be changed, moved or taken out unseen. Taking lines off
// the end is seen against any head that was kept elsewhere: in the state file, or signed in a certificate.
//
// Entries name things and people; they never hold a value of a row or a secret.
package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// hashDomain goes before what is hashed, so that no hash of anything else is one of an entry.
const hashDomain = "lethe/v1/ledger\n"

// longestEntry bounds a line, so that the last one is found by reading little of the end of the file.
const longestEntry = 64 << 10

// Record is what is put on record of one access. Action is required; the rest as far as it applies.
type Record struct {
	// Action is what was done, one word such as "refresh", "publish", "adopt" or "preview".
	Action string `json:"action"`
	// Run is the id of the run that it was part of.
	Run         string `json:"run,omitempty"`
	Environment string `json:"environment,omitempty"`
	// Source and Target name databases by their names in the configuration or on their servers.
	Source string `json:"source,omitempty"`
	Target string `json:"target,omitempty"`
	// Outcome is how it ended, or "begun"; Code the word of the error that ended it.
	Outcome string `json:"outcome,omitempty"`
	Code    string `json:"code,omitempty"`
	// User, Host and Version say who did it, where, with which build.
	User    string `json:"user,omitempty"`
	Host    string `json:"host,omitempty"`
	Version string `json:"version,omitempty"`
	// Digests name what decided it.
	Digests Digests `json:"digests,omitzero"`
	// Facts are what else is worth knowing, such as the reason a person gave.
	Facts map[string]string `json:"facts,omitempty"`
}

// Digests name what an access was decided by, as lower-case hex SHA-256; KeyID is the masking key's id.
type Digests struct {
	Rules   string `json:"rules,omitempty"`
	Plan    string `json:"plan,omitempty"`
	Catalog string `json:"catalog,omitempty"`
	KeyID   string `json:"key_id,omitempty"`
}

// Entry is a Record in its place in the chain.
type Entry struct {
	// Seq counts from 1.
	Seq  int64     `json:"seq"`
	Time time.Time `json:"time"`
	// Prev is the hash of the entry before, "" in the first.
	Prev string `json:"prev"`
	Record
	// Hash is the SHA-256, as 64 lower-case hex digits, of the entry's canonical JSON with an empty Hash.
	Hash string `json:"hash"`
}

// Head returns the name of the chain that ends with e.
func (e Entry) Head() Head { return Head{Seq: e.Seq, Hash: e.Hash} }

// Head names the newest entry of a ledger; the zero Head is that of an empty one.
type Head struct {
	// Seq is the entry's number, counted from 1; Hash its hash as 64 lower-case hex digits.
	Seq  int64  `json:"seq"`
	Hash string `json:"hash"`
}

// next returns the entry that follows head, with its hash. Texts that are not UTF-8 are mended first:
// JSON would not give them back as they were.
func next(head Head, at time.Time, record Record) Entry {
	e := Entry{
		Seq: head.Seq + 1, Prev: head.Hash, Record: record.mended(),
		// Microseconds are what every system tells; the zone is of no matter.
		Time: at.UTC().Truncate(time.Microsecond),
	}
	e.Hash = e.hash()
	return e
}

func (r Record) mended() Record {
	for _, text := range []*string{
		&r.Action, &r.Run, &r.Environment, &r.Source, &r.Target, &r.Outcome, &r.Code, &r.User, &r.Host, &r.Version,
		&r.Digests.Rules, &r.Digests.Plan, &r.Digests.Catalog, &r.Digests.KeyID,
	} {
		*text = strings.ToValidUTF8(*text, "?")
	}
	facts := make(map[string]string, len(r.Facts))
	for name, text := range r.Facts {
		facts[strings.ToValidUTF8(name, "?")] = strings.ToValidUTF8(text, "?")
	}
	r.Facts = facts
	return r
}

func (e Entry) hash() string {
	e.Hash = ""
	sum := sha256.Sum256(append([]byte(hashDomain), e.canonical()...))
	return hex.EncodeToString(sum[:])
}

// canonical returns the entry as JSON without a line end: the fields in their order, facts sorted by
// name, nothing escaped that need not be.
func (e Entry) canonical() []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(e); err != nil {
		panic(fmt.Sprintf("encode ledger entry: %v", err)) // texts, numbers and a time of this millennium always encode
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Problems of one line.
var (
	errForm = errors.New("it is not an entry as it was written")
	errHash = errors.New("its hash is not that of its content")
)

// parse reads one line without its end. It accepts only the bytes that canonical gives for what it read,
// so that a change which means nothing to JSON is a change all the same.
func parse(line []byte) (Entry, error) {
	var e Entry
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&e); err != nil || !bytes.Equal(e.canonical(), line) {
		return Entry{}, errForm
	}
	if e.hash() != e.Hash {
		return Entry{}, errHash
	}
	return e, nil
}

// follows reports why e cannot come right after head, nil when it can.
func (e Entry) follows(head Head) error {
	switch {
	case e.Seq != head.Seq+1:
		return fmt.Errorf("it has number %d", e.Seq)
	case e.Prev != head.Hash:
		return errors.New("it follows another entry than the one before it")
	}
	return nil
}
