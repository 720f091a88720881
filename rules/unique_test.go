package rules

import "testing"

func TestOnlyFoldingOfCaseKeepsUniqueValuesApart(t *testing.T) {
	for expression, want := range map[string]bool{
		`lower(email)`: true, `lower((email)::text)`: true, `upper("E Mail")`: true, `(email COLLATE "C")`: true,
		`md5(email)`: false, `(email || name)`: false, `substr(email, 1)`: false,
		`(email IS NULL)`: false, `(email IS NOT NULL)`: false, `(NOT active)`: false,
	} {
		if got := foldsCase(expression); got != want {
			t.Errorf("foldsCase(%s) = %t", expression, got)
		}
	}
}

func TestNamesAreFoundAsTheServerSpellsThem(t *testing.T) {
	for _, c := range []struct {
		sql, name string
		want      bool
	}{
		{`lower(email)`, "email", true}, {`lower(emails)`, "email", false}, {`"left"("a""x", 3)`, `a"x`, true}, {`"left"("a""xy", 3)`, `a"x`, false},
	} {
		if got := mentions(c.sql, c.name); got != c.want {
			t.Errorf("mentions(%s, %s) = %t", c.sql, c.name, got)
		}
	}
}
