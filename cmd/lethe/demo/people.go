// Package demo holds the demonstration's production: its schema, its people, and the rules that let a
// copy of it go.
//
// The people come from gofakeit with a fixed seed: they are nobody, and the same nobody everywhere.
package demo

import (
	_ "embed" // the schema and the rules are part of the program
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/brianvoe/gofakeit/v7"
)

//go:embed files/schema.sql
var schema string

//go:embed files/rules.yaml
var rules string

//go:embed files/lethe.yaml
var config string

// Config returns the configuration, which reads both connection strings from the environment.
func Config() string { return config }

// Schema returns the shop's schema as SQL.
func Schema() string { return schema }

// Rules returns the rules file that decides every column of Schema.
func Rules() string { return rules }

// Size says how large the shop is. The zero Size is the demonstration's own.
type Size struct {
	// Customers is the number of people. Defaults to 4,000: enough that a progress bar is seen to move,
	// few enough that the whole story takes less than a minute on two cores.
	Customers int
}

// seed makes the people the same everywhere.
const seed = 20260101

// shop writes the data of one Size.
type shop struct {
	w     io.Writer
	fake  *gofakeit.Faker
	size  Size
	today time.Time
	err   error
	// emails and phones are those of the customers, by id - 1, for the tables that repeat them.
	people []person
}

type person struct{ first, last, email, phone string }

// Write writes the shop's rows to w as COPY statements, as psql reads them. The same size gives the same
// bytes. Each table's statement is followed by one that sets its sequence.
func Write(w io.Writer, size Size) error {
	if size.Customers == 0 {
		size.Customers = 4000
	}
	s := &shop{
		w: w, size: size, fake: gofakeit.NewFaker(rand.NewPCG(seed, seed), false),
		today: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC),
	}
	s.customers()
	s.employees()
	s.products()
	s.orders()
	s.tickets()
	s.sessions()
	s.line("REFRESH MATERIALIZED VIEW best_customers;")
	s.line("ANALYZE;")
	return s.err
}

func (s *shop) line(format string, args ...any) {
	if s.err == nil {
		_, s.err = fmt.Fprintf(s.w, format+"\n", args...)
	}
}

// row writes one row of COPY text; nil is NULL.
func (s *shop) row(fields ...any) {
	escape := strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`)
	texts := make([]string, len(fields))
	for i, f := range fields {
		texts[i] = `\N`
		if f != nil {
			texts[i] = escape.Replace(fmt.Sprint(f))
		}
	}
	s.line("%s", strings.Join(texts, "\t"))
}

func (s *shop) begin(table string, columns ...string) {
	s.line("COPY %s (%s) FROM stdin;", table, strings.Join(columns, ", "))
}

func (s *shop) end(table, column string) {
	s.line(`\.`)
	if column != "" {
		s.line("SELECT pg_catalog.setval(pg_catalog.pg_get_serial_sequence('%s', '%s'), (SELECT max(%s) FROM %s)) \\g /dev/null", table, column, column, table)
	}
}

// when returns a moment of the last years, to the second.
func (s *shop) when(years int) time.Time {
	return s.today.Add(-time.Duration(s.fake.IntN(years*365*24*3600)) * time.Second)
}

func stamp(t time.Time) string { return t.Format("2006-01-02 15:04:05+00") }

func (s *shop) customers() {
	s.begin("customers", "customer_id", "first_name", "last_name", "email", "phone", "street", "city", "postcode",
		"birth_date", "notes", "profile", "created_at")
	for id := 1; id <= s.size.Customers; id++ {
		p := person{first: s.fake.FirstName(), last: s.fake.LastName(), phone: s.fake.PhoneFormatted()}
		p.email = strings.ToLower(fmt.Sprintf("%s.%s%d@%s", p.first, p.last, id, s.fake.DomainName()))
		s.people = append(s.people, p)
		var notes any
		if id%5 == 0 {
			notes = fmt.Sprintf("Spoke to %s %s about the delivery.\nWrite to %s, or call %s after six.", p.first, p.last, p.email, p.phone)
		}
		s.row(id, p.first, p.last, p.email, p.phone, s.fake.Street(), s.fake.City(), s.fake.Zip(),
			s.when(70).AddDate(-18, 0, 0).Format(time.DateOnly), notes, s.profile(id, p), stamp(s.when(5)))
	}
	s.end("customers", "customer_id")
}

// profile is what front ends like to keep about people.
func (s *shop) profile(id int, p person) any {
	if id%7 == 0 {
		return nil
	}
	text, err := json.Marshal(map[string]any{
		"language": s.fake.LanguageAbbreviation(), "newsletter": id%2 == 0,
		"contact": map[string]string{"email": p.email, "phone": p.phone},
	})
	if err != nil && s.err == nil {
		s.err = err
	}
	return string(text)
}

func (s *shop) employees() {
	s.begin("employees", "employee_id", "manager_id", "first_name", "last_name", "email", "username", "password")
	for id := 1; id <= 40; id++ {
		var manager any
		if id > 1 {
			manager = (id + 6) / 8
		}
		first, last := s.fake.FirstName(), s.fake.LastName()
		s.row(id, manager, first, last, strings.ToLower(fmt.Sprintf("%s.%s%d@shop.example", first, last, id)),
			strings.ToLower(fmt.Sprintf("%.1s%s%d", first, last, id)), "$2a$10$"+s.fake.LetterN(53))
	}
	s.end("employees", "employee_id")
}

const products = 200

func (s *shop) products() {
	s.begin("products", "product_id", "name", "price")
	for id := 1; id <= products; id++ {
		s.row(id, s.fake.ProductName(), fmt.Sprintf("%.2f", s.fake.Price(2, 400)))
	}
	s.end("products", "")
}

func (s *shop) orders() {
	statuses := []string{"placed", "paid", "shipped", "returned"}
	count := s.size.Customers * 3
	s.begin("orders", "order_id", "customer_id", "contact_email", "status", "placed_at")
	for id := 1; id <= count; id++ {
		customer := s.fake.IntN(len(s.people))
		s.row(id, customer+1, s.people[customer].email, statuses[s.fake.IntN(len(statuses))], stamp(s.when(3)))
	}
	s.end("orders", "order_id")
	s.begin("order_items", "order_id", "line", "product_id", "quantity", "price")
	for id := 1; id <= count; id++ {
		for line := 1; line <= 1+s.fake.IntN(4); line++ {
			s.row(id, line, 1+s.fake.IntN(products), 1+s.fake.IntN(5), fmt.Sprintf("%.2f", s.fake.Price(2, 400)))
		}
	}
	s.end("order_items", "")
}

func (s *shop) tickets() {
	s.begin("tickets", "ticket_id", "customer_id", "email", "body", "opened_at")
	for id := 1; id <= s.size.Customers/4; id++ {
		customer := s.fake.IntN(len(s.people))
		p := s.people[customer]
		s.row(id, customer+1, p.email,
			fmt.Sprintf("Hello, this is %s %s. My parcel never came; please answer to %s.", p.first, p.last, p.email), stamp(s.when(2)))
	}
	s.end("tickets", "ticket_id")
}

func (s *shop) sessions() {
	s.begin("sessions", "token", "customer_id", "address")
	for range s.size.Customers / 10 {
		s.row(s.fake.UUID(), 1+s.fake.IntN(len(s.people)), s.fake.IPv4Address())
	}
	s.end("sessions", "")
}
