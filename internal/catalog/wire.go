package catalog

// Wire is one thing of a source that reaches out of its database or acts in it by itself. On a copy it
// arrives inert unless a rule revives it by name.
type Wire struct {
	Kind WireKind `json:"kind"`
	// Name is the object's, qualified and quoted where it needs to be, such as "public.f(integer)".
	Name string `json:"name"`
	// Class and OID identify it on the source; 0 for what is a row of an extension's table.
	Class uint32 `json:"-"`
	OID   uint32 `json:"-"`
	// Owner is the role that owns it, "" where it has none of its own.
	Owner string `json:"-"`
	// Inert is the SQL that makes it on the copy without anything that reaches out; Alive what comes before the
	// options of one that is revived with options. Either is "" for what is only left out or only restored.
	Inert string `json:"-"`
	Alive string `json:"-"`
	// Needs names what has to be revived with it, such as a trigger's function.
	Needs string `json:"-"`
	// Unmade says why it cannot be made inert, nor left out; such a wire refuses the run unless it is revived.
	Unmade string `json:"-"`
	// Tables are a foreign server's, which are made without their options when the server is not revived, or with
	// Filler in their place, where its wrapper makes no table without any.
	Tables []ForeignTable `json:"-"`
	Filler string         `json:"-"`
}

// ForeignTable is a foreign table with its options, as SQL lists them: they may name hosts, programs and
// passwords, and are never told.
type ForeignTable struct {
	OID     uint32
	Options string
	// Columns are the options of its columns, for each that has any.
	Columns []string
}

// String returns how rules name the wire, such as "server:warehouse".
func (w Wire) String() string { return string(w.Kind) + ":" + w.Name }

// WireKind says what a Wire is.
type WireKind string

// The kinds of Wire.
const (
	WirePublication  WireKind = "publication"
	WireSubscription WireKind = "subscription"
	WireServer       WireKind = "server"
	WireWrapper      WireKind = "foreign_data_wrapper"
	WireMapping      WireKind = "user_mapping"
	WireEvent        WireKind = "event_trigger"
	WireFunction     WireKind = "function"
	WireTrigger      WireKind = "trigger"
	WireJob          WireKind = "job"
)
