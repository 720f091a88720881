package catalog

// Definition is one object of a database and a digest of what it is defined as, so that a copy can be told
// from its original without either being read twice. It holds no text of the object.
type Definition struct {
	// Class is the system catalog that the object stands in and OID its number there, both only of the server
	// that they were read from.
	Class uint32 `json:"class"`
	OID   uint32 `json:"oid"`
	// On is the relation that the object belongs to, 0 for none.
	On uint32 `json:"on,omitempty"`
	// Kind is what the server calls such an object, and Identity its name there, with its schema.
	Kind     string `json:"kind"`
	Identity string `json:"identity"`
	// Digest is of its definition, in which only servers of one major agree; Comment of what is said about it,
	// "" for nothing.
	Digest  string `json:"digest"`
	Comment string `json:"comment,omitempty"`
}
