// Package catalog describes a database as plain data: what exists, never what it holds.
//
// A Catalog is read once, under one snapshot, by internal/pg, and never changed afterwards, so that
// any number of goroutines may read it. It imports nothing of ours and knows no connection.
package catalog

// Catalog is one database's schema, as one snapshot saw it.
type Catalog struct {
	// Server says what the database runs on.
	Server Server `json:"server"`
	// Database is the name of the database.
	Database string `json:"database"`
	// Schemas are all schemas but the system's own and "lethe", sorted by name.
	Schemas []Schema `json:"schemas"`
	// Tables are all relations that hold rows, sorted by schema and name: ordinary and partitioned
	// tables, partitions, foreign tables and materialised views. Views hold no rows and are absent.
	Tables []Table `json:"tables"`
	// Sequences are all sequences, sorted by schema and name.
	Sequences []Sequence `json:"sequences"`
	// Extensions are the installed extensions, sorted by name.
	Extensions []Extension `json:"extensions"`
	// LargeObjects is the number of large objects; being data, it is not part of the digest.
	LargeObjects int64 `json:"large_objects,omitempty" digest:"-"`
}

// Server is what a database runs on, as far as a copy of it must agree.
type Server struct {
	// Version is server_version_num, such as 150018. Only its major is part of the digest.
	Version int `json:"version" digest:"-"`
	// Standby reports whether the server is in recovery; it is not part of the digest, so that rules
	// checked against a primary hold for its standby.
	Standby bool `json:"standby,omitempty" digest:"-"`
	// Encoding is the database's encoding, such as "UTF8".
	Encoding string `json:"encoding"`
	// Provider is the locale provider: "libc", "icu" or "builtin".
	Provider string `json:"provider"`
	// Collate and Ctype are LC_COLLATE and LC_CTYPE of the database.
	Collate string `json:"collate"`
	Ctype   string `json:"ctype"`
	// Locale is the ICU or builtin locale, "" for libc; Rules are ICU tailoring rules (16 and later).
	Locale string `json:"locale,omitempty"`
	Rules  string `json:"rules,omitempty"`
}

// Major returns the major version, such as 15.
func (s Server) Major() int { return s.Version / 10000 }

// Schema is a namespace and who owns it.
type Schema struct {
	Name      string `json:"name"`
	Owner     string `json:"owner"`
	Extension string `json:"extension,omitempty"`
}

// Extension is an installed extension.
type Extension struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Schema  string `json:"schema"`
}

// Sequence is a sequence and the column it feeds, if any.
type Sequence struct {
	Name  Name   `json:"name"`
	Owner string `json:"owner"`
	// Table and Column name the owning column of a serial or identity; zero when nobody owns it.
	Table     Name   `json:"table,omitzero"`
	Column    string `json:"column,omitempty"`
	Extension string `json:"extension,omitempty"`
}

// Kind says what sort of relation a Table is.
type Kind string

// The kinds of relation that hold rows.
const (
	Ordinary         Kind = "table"
	Partitioned      Kind = "partitioned"
	Foreign          Kind = "foreign"
	MaterialisedView Kind = "materialised view"
)

// Persistence says whether a table's rows survive a crash and reach standbys.
type Persistence string

// The kinds of persistence. Temporary tables are never in a catalog.
const (
	Permanent Persistence = "permanent"
	Unlogged  Persistence = "unlogged"
)

// Table is a relation that holds rows.
type Table struct {
	// OID identifies the table on its server; it is not part of the digest.
	OID         uint32      `json:"-" digest:"-"`
	Name        Name        `json:"name"`
	Kind        Kind        `json:"kind"`
	Persistence Persistence `json:"persistence"`
	Owner       string      `json:"owner"`
	// AccessMethod is "heap" unless another storage engine holds the rows; "" for partitioned and foreign.
	AccessMethod string `json:"access_method,omitempty"`
	// Extension names the extension the table belongs to; "" for the user's own tables.
	Extension string `json:"extension,omitempty"`
	// Configuration reports an extension's table that holds rows of the user's, and ConfigurationWhere the
	// condition that tells them from the extension's own, as SQL, "" for all rows.
	Configuration      bool   `json:"configuration,omitempty"`
	ConfigurationWhere string `json:"configuration_where,omitempty"`
	// Parents are the tables this one is a partition of (one) or inherits from (any number).
	Parents []Name `json:"parents,omitempty"`
	// IsPartition tells a partition from an inheriting table.
	IsPartition bool `json:"is_partition,omitempty"`
	// PartitionKey lists the columns a partitioned table's key reads, expressions included.
	PartitionKey []string `json:"partition_key,omitempty"`
	// PartitionBound is the partition's bound as SQL, such as "FOR VALUES FROM (1) TO (9)" or "DEFAULT".
	PartitionBound string `json:"partition_bound,omitempty"`
	// Columns are in attribute order, dropped ones left out.
	Columns []Column `json:"columns"`
	// IndexMarks reports that an index's own definition also alters the table: it clusters by it, or replicates
	// by it. It is not part of the digest.
	IndexMarks bool `json:"-" digest:"-"`
	// Indexes are all indexes, those behind keys included, sorted by name.
	Indexes []Index `json:"indexes,omitempty"`
	// ForeignKeys are the references this table makes, sorted by name; on partitions those cloned from
	// the parent are left out.
	ForeignKeys []ForeignKey `json:"foreign_keys,omitempty"`
	// Checks are CHECK constraints, sorted by name.
	Checks []Check `json:"checks,omitempty"`
	// RowSecurity reports whether row security is enabled; ForcedRowSecurity whether for the owner too.
	RowSecurity       bool `json:"row_security,omitempty"`
	ForcedRowSecurity bool `json:"forced_row_security,omitempty"`
	// Populated is false only for a materialised view that holds no data yet.
	Populated bool `json:"populated"`
	// Size is not part of the digest: it changes while the schema stands still.
	Size Size `json:"size" digest:"-"`
}

// Decided reports whether the table's rows are the user's, so that rules decide them: all but what belongs to
// an extension, its configuration aside, and what is computed again.
func (t *Table) Decided() bool {
	return (t.Extension == "" || t.Configuration) && t.Kind != MaterialisedView
}

// Made reports whether the schema makes the table, and somebody owns it there: all but what comes with an
// extension or with the server.
func (t *Table) Made() bool { return t.Extension == "" && t.Name != LargeObjectPages() }

// LargeObjectPages is the server's table of large objects' contents, one row a page. A catalog has it where
// there are any large objects, so that they are decided, read and counted like rows; who owns them, and what
// they are made as, is told elsewhere.
func LargeObjectPages() Name { return Name{Schema: "pg_catalog", Name: "pg_largeobject"} }

// Size is how big a table is believed to be.
type Size struct {
	// Rows is the planner's estimate; -1 when the table was never analysed.
	Rows float64 `json:"rows"`
	// Blocks is the exact number of blocks of the main fork at the time of reading.
	Blocks int64 `json:"blocks"`
	// Bytes is the table with its TOAST; IndexBytes its indexes.
	Bytes      int64 `json:"bytes"`
	IndexBytes int64 `json:"index_bytes"`
}

// Column is one column of a table.
type Column struct {
	Name string `json:"name"`
	// Number is the attribute number: it has gaps where columns were dropped.
	Number  int    `json:"number"`
	Type    Type   `json:"type"`
	NotNull bool   `json:"not_null,omitempty"`
	Default string `json:"default,omitempty"`
	// Identity is "", "always" or "by default".
	Identity string `json:"identity,omitempty"`
	// Generated is "", "stored" or "virtual": such a column is computed by the server, never copied.
	Generated string `json:"generated,omitempty"`
	// Inherited reports whether the column came from a parent and may not be decided on its own.
	Inherited bool `json:"inherited,omitempty"`
	// Stats is not part of the digest.
	Stats Stats `json:"stats,omitzero" digest:"-"`
}

// Stats is what the planner knows of a column, free of values. The zero Stats means never analysed.
type Stats struct {
	// NullFraction is between 0 and 1.
	NullFraction float64 `json:"null_fraction,omitempty"`
	// Distinct is the number of distinct values; negative is the fraction of rows, as in pg_stats.
	Distinct float64 `json:"distinct,omitempty"`
	// Width is the average width in bytes.
	Width int `json:"width,omitempty"`
	// Commonest is the fraction of rows that hold the most common value; 0 when none stands out.
	Commonest float64 `json:"commonest,omitempty"`
}

// Index is an index, including those that enforce keys.
type Index struct {
	Name    string `json:"name"`
	Unique  bool   `json:"unique,omitempty"`
	Primary bool   `json:"primary,omitempty"`
	// Exclusion reports an index behind an EXCLUDE constraint.
	Exclusion bool `json:"exclusion,omitempty"`
	// Columns are the key parts in order; a part is a column or an expression, never both.
	Columns []IndexPart `json:"columns"`
	// Predicate is the WHERE of a partial index as SQL.
	Predicate string `json:"predicate,omitempty"`
	// NullsNotDistinct reports NULLS NOT DISTINCT (15 and later).
	NullsNotDistinct bool `json:"nulls_not_distinct,omitempty"`
	// Valid is false for an index whose concurrent build failed.
	Valid bool `json:"valid"`
	// Definition is pg_get_indexdef.
	Definition string `json:"definition"`
	// Excludes is the EXCLUDE constraint that the index stands behind, as SQL; "" for others.
	Excludes string `json:"excludes,omitempty"`
	// Adoptable is the object id of the primary key or unique constraint that the index stands behind, where the
	// index's definition says all there is to say of both; 0 for others. It is not part of the digest.
	Adoptable uint32 `json:"-" digest:"-"`
}

// IndexPart is one key part of an index.
type IndexPart struct {
	// Column is the column's name; "" when the part is an expression.
	Column string `json:"column,omitempty"`
	// Expression is the SQL of an expression part.
	Expression string `json:"expression,omitempty"`
	// Reads lists the columns an expression reads.
	Reads []string `json:"reads,omitempty"`
}

// ForeignKey is a reference from the table it stands in to another.
type ForeignKey struct {
	// OID identifies the constraint on its server; it is not part of the digest.
	OID        uint32   `json:"-" digest:"-"`
	Name       string   `json:"name"`
	Columns    []string `json:"columns"`
	References Name     `json:"references"`
	// ReferencedColumns are in the order of Columns.
	ReferencedColumns []string `json:"referenced_columns"`
	Validated         bool     `json:"validated"`
	// Enforced is false for NOT ENFORCED (18 and later).
	Enforced   bool   `json:"enforced"`
	Definition string `json:"definition"`
}

// Check is a CHECK constraint.
type Check struct {
	Name       string   `json:"name"`
	Columns    []string `json:"columns,omitempty"`
	Definition string   `json:"definition"`
}
