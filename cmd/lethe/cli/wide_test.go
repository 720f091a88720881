package cli

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// wideColumns are a column for every family of masks: its type, the decision, and what must arrive. $ORIGINAL stands
// for nothing: no original may be among what arrives.
func wideColumns() [][4]string {
	return [][4]string{
		{"email", "varchar(80) UNIQUE", "email", `[a-z.]+\.[0-9a-z]{20}@example\.com`},
		{"first_name", "text", "{mask: link, entity: id, part: first_name}", `[A-Z][a-z]+`},
		{"full_name", "text", "{mask: link, entity: id, part: full_name}", `[A-Z][a-z]+ [A-Z][A-Za-z]+`},
		{"greeting", "text", `{mask: derive, columns: [full_name], as: '"Dear " + full_name'}`, `Dear [A-Z][a-z]+ [A-Z][A-Za-z]+`},
		{"phone", "text", "phone", `[+0-9() -]+`},
		{"ssn", "text", "national_id", `9\d\d-\d\d-\d{4}`},
		{"vat", "text", "{mask: tax_id, country: de}", `DE\d{9}`},
		{"card", "varchar(19)", "card", `999\d \d{4} \d{4} \d{4}`},
		{"iban", "text", "iban", `GB\d\dXXXX000000\d{8}`},
		{"account_no", "text UNIQUE", "fpe", `A-\d{8}`},
		{"ref", "uuid UNIQUE", "permute_uuid", `[0-9a-f-]{36}`},
		{"ip", "inet", "ip", `(192\.0\.2|198\.51\.100|203\.0\.113)\.\d+/32`},
		{"mac", "macaddr", "mac", `[0-9a-f:]{17}`},
		{"homepage", "text", "url", `https://www\.example\.com/[0-9a-z]{12}`},
		{"secret", "text", "api_key", `sk_live_[0-9A-Za-z]{11}`},
		{"password", "text", "password_hash", `\$2a\$04\$.{53}`},
		{"hook", "text", "sink_url", `https://sink\.example\.com/`},
		{"salary", "numeric(10,2)", "{mask: noise_ratio, percent: 10}", `\d{4}\.\d\d`},
		{"age", "int2", "{mask: bucket, edges: [0, 18, 65]}", `18`},
		{"born", "date", "{mask: time_truncate, unit: year}", `19\d\d-01-01`},
		{"seen", "timestamptz", "{mask: time_jitter, seconds: 600}", `20\d\d-\d\d-\d\d [0-9:]+\+00`},
		{"zip", "text", "zip3", `100`},
		{"tags", "text[]", "{mask: array, each: last_name}", `\{[A-Za-z]+,NULL,[A-Za-z]+\}`},
		{"attributes", "hstore", `{mask: hstore, keys: {name: last_name, size: {keep: "a shoe"}}}`, `"name"=>"[A-Za-z]+", "size"=>"9"`},
		{"profile", "jsonb", `{mask: json, paths: {$.mail: email, $.language: {keep: "many share one"}}}`, `\{"mail": "[^"]+@example\.com", "language": "en"\}`},
		{"kind", "text", `{keep: "person or company"}`, `person|company`},
		{"title", "text", `{mask: when, columns: [kind], if: 'kind == "person"', then: full_name, else: company}`, `[A-Z].*`},
		{"note", "text", "{mask: redact_text, known: [first_name, full_name, email]}", `.*parcel.*`},
		{"photo", "bytea", "placeholder_image", `\\x89504e47.*`},
		{"home", "home", `{mask: composite, fields: {street: street, town: {keep: "a town of many"}}}`, `\("\d+ [A-Za-z ]+",Springfield\)`},
		{"letter", "xml", `{mask: xml, paths: {/letter/@lang: {keep: "a language"}, /letter/to: full_name, //mail: email}}`, `<letter lang="en"><to>[A-Z][a-z]+ [A-Z][A-Za-z]+</to><mail>[^<]+@example\.com</mail></letter>`},
		{"bonus", "int", "shuffle", `9\d\d\d`},
		{"city", "text", "{mask: address_part, entity: id, part: city}", `['A-Z].+`},
		{"mail_copy", "varchar(80)", "{mask: copy_from, column: email}", `[a-z.]+\.[0-9a-z]{20}@example\.com`},
		{"search", "tsvector", `{mask: recompute, as: "to_tsvector('simple', full_name)"}`, `'[a-z]+':\d '[a-z]+':\d`},
		{"device", "text", "{mask: chain, masks: [imei, {mask: keep_ends, last: 4}]}", `\*{11}\d{4}`},
	}
}

// TestEveryFamilyIsMaskedRefreshedAndReadBack refreshes a wide table of every family of masks and reads it back: each
// value is of its column's form, no original is left, and what is unique stayed so.
func TestEveryFamilyIsMaskedRefreshedAndReadBack(t *testing.T) {
	t.Parallel()
	columns := wideColumns()
	table, rules := "CREATE EXTENSION hstore; CREATE TYPE home AS (street text, town text); CREATE TABLE wide (id int PRIMARY KEY", "version: 1\ntables:\n  public.wide:\n    columns:\n      id: {keep: \"a number\"}\n"
	for _, c := range columns {
		table += fmt.Sprintf(", %s %s", c[0], c[1])
		rules += fmt.Sprintf("      %s: %s\n", c[0], c[2])
	}
	const people = 200
	s := newStage(t, rules, fill(table+fmt.Sprintf(`); INSERT INTO wide SELECT i, 'canary' || i || '@flowmart.example', 'Canary' || i, 'Canary' || i || ' Person', 'Dear Canary',
		'+1 212 736 ' || 5000 + i, '123-45-' || 1000 + i, 'DE123456' || 100 + i, '4111 1111 1111 ' || 1000 + i, 'GB29NWBK6016133192' || 1000 + i, 'A-' || 77300000 + i, md5(i::text)::uuid,
		'10.0.0.0'::inet + i, '08:00:2b:01:02:03', 'https://canary.flowmart.example/' || i, 'sk_live_canary' || 10000 + i, 'canaryhash', 'https://hooks.flowmart.example/' || i,
		4000 + i, 20 + i %% 40, date '1960-05-05' + i, timestamptz '2020-05-05 05:05:05+00' + i * interval '1 hour', '100' || 10 + i %% 80, ARRAY['Canary' || i, NULL, 'Person'],
		hstore(ARRAY['name', 'Canary' || i, 'size', '9']), jsonb_build_object('mail', 'canary' || i || '@flowmart.example', 'language', 'en'),
		CASE WHEN i %% 3 = 0 THEN 'company' ELSE 'person' END, 'Canary' || i, 'the parcel of Canary' || i || ' is late', '\x00', ROW(i || ' Canary Street', 'Springfield')::home,
		xmlparse(CONTENT '<letter lang="en"><to>Canary ' || i || '</to><mail>canary' || i || '@flowmart.example</mail></letter>'), 9000 + i, 'Canarytown', 'canary' || i || '@flowmart.example', to_tsvector('simple', 'Canary' || i), '49015420323' || 7000 + i FROM generate_series(1, %d) i`, people))).adopted()
	s.ok("refresh", "staging")
	for _, c := range columns {
		valid := regexp.MustCompile(`\A(?:` + c[3] + `)\z`)
		got := s.staging.QueryStrings(t, "SELECT "+c[0]+"::text FROM wide ORDER BY id")
		if len(got) != people {
			t.Fatalf("%s: %d rows arrived", c[0], len(got))
		}
		for _, value := range got {
			if !valid.MatchString(value) {
				t.Errorf("%s holds %q, which is not of its form", c[0], value)
				break
			}
			if strings.Contains(strings.ToLower(value), "canary") {
				t.Errorf("%s still holds an original", c[0])
				break
			}
		}
	}
	agree := s.staging.QueryInt(t, `SELECT count(*) FROM wide WHERE full_name LIKE first_name || ' %' AND greeting = 'Dear ' || full_name`)
	if agree != people {
		t.Errorf("%d of %d rows agree with themselves", agree, people)
	}
}
