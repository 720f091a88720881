package rules

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/lethedb/lethe/internal/catalog"
)

// maskRow returns one row of a table as it leaves, by column.
func maskRow(t *testing.T, plan *Plan, table string, fields ...string) map[string]string {
	t.Helper()
	name := catalog.Name{Schema: "public", Name: table}
	masker, err := plan.Masker(name)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	n, err := masker.Rows(func(w io.Writer) (int64, error) {
		_, err := io.WriteString(w, strings.Join(fields, "\t")+"\n")
		return 1, err
	}).Push(&out)
	if err != nil || n != 1 {
		t.Fatalf("mask a row of %s: %d rows, %v", table, n, err)
	}
	values := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\t")
	row := map[string]string{}
	for i, column := range plan.Table(name).Columns {
		row[column.Column.Name] = values[i]
	}
	return row
}

// TestMaskKeepsForeignKeysJoined runs the masks that the sample rules choose: a customer arrives under one
// number, name and address in every table, and under none of the old ones.
func TestMaskKeepsForeignKeysJoined(t *testing.T) {
	r := builtinMasks(t)
	pagila, found := Compile(sampleRules(t, "pagila", r), sampleCatalog(t, "pagila"), r, Options{Key: key(), NeedKey: true})
	if found.HasErrors() {
		t.Fatal(render(found))
	}
	customer := maskRow(t, pagila, "customer", "42", "1", "MARY", "SMITH", "MARY.SMITH@shop.example", "5", "t", "2022-02-14", "2022-02-15 09:57:20+00", "1")
	rental := maskRow(t, pagila, "rental", "76", "2022-05-25 11:30:37+00", "3021", "42", "2022-06-03 12:00:37+00", "2", "2022-02-15 21:30:53+00")
	payment := maskRow(t, pagila, "payment_p2022_01", "16050", "42", "2", "76", "1.99", "2022-01-29 01:58:52.222594+00")
	if customer["customer_id"] == "42" || customer["customer_id"] != rental["customer_id"] || customer["customer_id"] != payment["customer_id"] {
		t.Errorf("the customer's number is %s, in rental %s, in payment %s", customer["customer_id"], rental["customer_id"], payment["customer_id"])
	}
	if rental["staff_id"] != "2" || payment["payment_date"] != "2022-01-29 01:58:52.222594+00" {
		t.Errorf("kept fields changed: %v %v", rental, payment)
	}
	for column, original := range map[string]string{"first_name": "MARY", "last_name": "SMITH", "email": "MARY.SMITH@shop.example", "create_date": "2022-02-14"} {
		if strings.EqualFold(customer[column], original) || customer[column] == "" {
			t.Errorf("%s arrives as %q", column, customer[column])
		}
	}

	chinook, found := Compile(sampleRules(t, "chinook", r), sampleCatalog(t, "chinook"), r, Options{Key: key(), NeedKey: true})
	if found.HasErrors() {
		t.Fatal(render(found))
	}
	buyer := maskRow(t, chinook, "Customer", "7", "Astrid", "Gruber", `\N`, "Rotenturmstrasse 4", "Vienne", `\N`, "Austria", "1010", "+43 01 5134505", `\N`, "astrid@shop.example", "5")
	invoice := maskRow(t, chinook, "Invoice", "78", "7", "2021-12-08 00:00:00", "Rotenturmstrasse 4", "Vienne", `\N`, "Austria", "1010", "1.98")
	agent := maskRow(t, chinook, "Employee", "5", "Johnson", "Steve", "Agent", "2", "1965-03-03 00:00:00", "2003-10-17 00:00:00", "7727B 41 Ave", "Calgary", "AB", "Canada", "T3B 1Y7", "1 780 836-9987", "1 780 836-9543", "steve@shop.example")
	for left, right := range map[string]string{
		buyer["CustomerId"]: invoice["CustomerId"], buyer["SupportRepId"]: agent["EmployeeId"], buyer["Address"]: invoice["BillingAddress"],
		buyer["City"]: invoice["BillingCity"], buyer["PostalCode"]: invoice["BillingPostalCode"],
	} {
		if left != right || left == "" {
			t.Errorf("%q and %q no longer agree", left, right)
		}
	}
	if buyer["CustomerId"] == "7" || agent["Title"] != `\N` || buyer["Fax"] != `\N` {
		t.Errorf("buyer %v, agent %v", buyer, agent)
	}
}

// TestPathsOfAColumnAreMaskedByTheirOwn runs masks inside a value, with their own domains.
func TestPathsOfAColumnAreMaskedByTheirOwn(t *testing.T) {
	r := builtinMasks(t)
	f, found := Parse("rules.yaml", files(map[string]string{"rules.yaml": `version: 1
tables:
  public.a:
    columns:
      email: email
      body:
        mask: json
        paths:
          $.email: email
          $.other: {mask: email, domain: elsewhere}
          $.kind: {keep: "a word of ours"}
          $.secret: null
`}))
	found = append(found, f.CheckMasks(r)...)
	if len(found) > 0 {
		t.Fatal(render(found))
	}
	plan, found := Compile(f, sketch(t, "public.a\n  email text\n  body jsonb\n"), r, Options{Key: key()})
	if len(found) > 0 {
		t.Fatal(render(found))
	}
	row := maskRow(t, plan, "a", "mary@shop.example", `{"email": "mary@shop.example", "other": "mary@shop.example", "kind": "vip", "secret": "x"}`)
	if !strings.Contains(row["body"], `"email": "`+row["email"]+`"`) {
		t.Errorf("the address in the document, %s, is not that of the column, %s", row["body"], row["email"])
	}
	if strings.Count(row["body"], row["email"]) != 1 || strings.Contains(row["body"], "mary") || !strings.Contains(row["body"], `"kind": "vip"`) {
		t.Errorf("got %s", row["body"])
	}
}
