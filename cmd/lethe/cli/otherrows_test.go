package cli

import (
	"strings"
	"testing"
)

// customers hold names that are in no dictionary, and what is written about them elsewhere.
const customers = `CREATE TABLE customer (id int PRIMARY KEY, name text NOT NULL, email varchar(80) NOT NULL UNIQUE);
	CREATE TABLE orders (id int, customer_id int REFERENCES customer, contact varchar(80) NOT NULL, note text) PARTITION BY LIST (id);
	CREATE TABLE orders_all PARTITION OF orders DEFAULT;
	CREATE TABLE complaint (id int PRIMARY KEY, email varchar(80) REFERENCES customer (email), customer_id int REFERENCES customer, text text);
	INSERT INTO customer SELECT i, 'Zanary' || chr(96 + i % 26 + 1) || ' Qanary' || chr(96 + i / 26 + 1), 'canary' || i || '@leak.test' FROM generate_series(1, 300) i;
	INSERT INTO orders SELECT c.id + 300 * n, CASE WHEN n < 2 THEN c.id END, c.email, 'the parcel of ' || c.name || ' came back' FROM customer c, generate_series(0, 2) n;
	INSERT INTO complaint SELECT id, email, (id % 7) * 10 + 1, name || ' is angry' FROM customer`

const customersRules = `version: 1
tables:
  public.customer:
    columns:
      id: {keep: "a surrogate key"}
      name: full_name
      email: email
  public.orders:
    rows: {where: "id <> 5"}
    columns:
      id: {keep: "a surrogate key"}
      customer_id: {keep: "a surrogate key"}
      contact: {mask: copy_from, column: customer_id.email, else: email}
      note: {mask: redact_text, known: [customer_id.name]}
  public.complaint:
    columns:
      id: {keep: "a surrogate key"}
      customer_id: {keep: "a surrogate key"}
      email: email
      text: {mask: redact_text, known: [email.name]}
`

// TestWhatOtherRowsKnowIsMaskedAsItIsThere holds that a copy of a customer's address and a text about a customer agree
// with the customer's own masked values, also where the way leads over a key that is masked itself.
func TestWhatOtherRowsKnowIsMaskedAsItIsThere(t *testing.T) {
	t.Parallel()
	s := newStage(t, customersRules, fill(customers)).adopted()
	s.ok("refresh", "staging")
	for what, query := range map[string]string{
		"orders":                  `SELECT 899 - count(*) FROM orders`,
		"contacts that differ":    `SELECT count(*) FROM orders o JOIN customer c ON c.id = o.customer_id WHERE o.contact <> c.email`,
		"contacts of nobody":      `SELECT count(*) FROM orders WHERE customer_id IS NULL AND contact NOT LIKE '%@example.com'`,
		"notes without the name":  `SELECT count(*) FROM orders o JOIN customer c ON c.id = o.customer_id WHERE o.note <> 'the parcel of ' || c.name || ' came back'`,
		"texts without the name":  `SELECT count(*) FROM complaint o JOIN customer c ON c.email = o.email WHERE o.text <> c.name || ' is angry'`,
		"complaints that dangle":  `SELECT 300 - count(*) FROM complaint o JOIN customer c ON c.email = o.email`,
		"notes of nobody, intact": `SELECT count(*) FROM orders WHERE customer_id IS NULL AND note NOT LIKE 'the parcel of [redacted]%'`,
	} {
		if n := s.staging.QueryInt(t, query); n != 0 {
			t.Errorf("%d %s", n, what)
		}
	}
	for _, text := range contents(t, s.staging.DSN()) {
		if strings.Contains(strings.ToLower(text), "anary") {
			t.Error("a name arrived")
		}
	}
	if out := s.ok("plan", "staging"); !strings.Contains(out, "read with public.customer") {
		t.Errorf("plan says nothing of the customers that are read along:\n%s", out)
	}
	if out := s.ok("check", "staging", "--explain", "public.orders.note"); !strings.Contains(out, "reads customer_id.name") {
		t.Errorf("it is not explained what the mask reads:\n%s", out)
	}
	if out := s.ok("preview", "public.orders_all"); strings.Contains(out, "anary") || !strings.Contains(out, "the parcel of ") {
		t.Errorf("preview shows\n%s", out)
	}
}
