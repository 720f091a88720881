package pg

import "testing"

// TestWhatAServerSpellsOtherwiseIsOneSkeleton has spellings of PostgreSQL 15 before and after a dump, and pairs
// that must stay apart.
func TestWhatAServerSpellsOtherwiseIsOneSkeleton(t *testing.T) {
	for _, same := range [][2]string{
		{`(v)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[])`, `(v)::text = ANY (ARRAY[('a'::character varying)::text, ('b'::character varying)::text])`},
		{`'x'::"Foo Bar"."Müd'e"[]`, `'x'`}, {`a::timestamp(3) with time zone > b`, `a > b`}, {`d::numeric(10,2)`, `d`},
		{`((a OR b) OR c)`, `(a OR b OR c)`},
	} {
		if a, b := skeleton(same[0]), skeleton(same[1]); a != b {
			t.Errorf("%s: %s, and of %s: %s", same[0], a, same[1], b)
		}
	}
	for _, other := range [][2]string{
		{`v = 'a'`, `v = 'b'`}, {`v = 'a b'`, `v = 'ab'`}, {`"a b" = 1`, `"ab" = 1`}, {`v = '(x)'`, `v = 'x'`}, {`v = 'a::text'`, `v = 'a'`},
		{`v = E'it\'s ::x'`, `v = E'it\'s '`}, {`v = 'it''s'`, `v = 'its'`}, {`lower(a)`, `upper(a)`}, {`a::text || b`, `a::text`}, {`a::int = 1`, `a::int = 2`},
		{`a::date AND b`, `a::date`}, {`x::s.t(y)`, `x`},
	} {
		if skeleton(other[0]) == skeleton(other[1]) {
			t.Errorf("%s and %s are one", other[0], other[1])
		}
	}
}
