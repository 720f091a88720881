package catalog

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"math"
	"reflect"
)

// digestVersion begins what is hashed; a change of the encoding is a new version.
const digestVersion = "lethe/catalog/v2"

// Digest returns the SHA-256 of the schema in hex. Two catalogs have the same digest exactly when they
// agree in everything but what changes while a schema stands still: OIDs, sizes, statistics, the number of
// large objects, the server's minor version and whether it is a standby. Absent and empty lists are equal.
func (c *Catalog) Digest() string {
	d := digester{sha256.New()}
	d.text(digestVersion)
	d.number(int64(c.Server.Major()))
	d.value(reflect.ValueOf(*c))
	return hex.EncodeToString(d.hash.Sum(nil))
}

// digester writes values so that no two different ones are written alike: every text and list is led by
// its length. It walks the types by reflection, so that a field added to the catalog counts at once;
// JSON would not do, for it replaces bytes that are not UTF-8, which names in SQL_ASCII databases may hold.
type digester struct{ hash hash.Hash }

func (d digester) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("digest") != "-" {
				d.value(v.Field(i))
			}
		}
	case reflect.Slice:
		d.number(int64(v.Len()))
		for i := range v.Len() {
			d.value(v.Index(i))
		}
	case reflect.String:
		d.text(v.String())
	case reflect.Bool:
		n := int64(0)
		if v.Bool() {
			n = 1
		}
		d.number(n)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		d.number(v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		d.number(int64(v.Uint()))
	case reflect.Float32, reflect.Float64:
		d.number(int64(math.Float64bits(v.Float())))
	default:
		// A field of a kind that is not written would silently not count. Every kind in use is tested.
		panic(fmt.Sprintf("catalog: digest of a %s is not defined", v.Type()))
	}
}

func (d digester) text(s string) {
	d.number(int64(len(s)))
	_, _ = d.hash.Write([]byte(s))
}

func (d digester) number(n int64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	_, _ = d.hash.Write(b[:])
}
