package rules_test

import (
	"fmt"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/builtin"
	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/rules"
)

// A column that nobody decided refuses the run and is named, with the line to add.
func ExampleCompile() {
	const text = `version: 1
defaults:
  "*.*.email": email
tables:
  public.customer:
    columns:
      id: {keep: "a surrogate key, names nobody"}
`
	registry, err := anonymize.NewRegistry(builtin.Masks())
	if err != nil {
		fmt.Println(err)
		return
	}
	file, problems := rules.Parse("rules.yaml", func(string) ([]byte, error) { return []byte(text), nil })
	problems = append(problems, file.CheckMasks(registry)...)
	fmt.Println(len(problems), "problems with the text")

	shop := &catalog.Catalog{Tables: []catalog.Table{{
		Name: catalog.Name{Schema: "public", Name: "customer"}, Kind: catalog.Ordinary,
		Columns: []catalog.Column{
			{Name: "id", Number: 1, Type: catalog.Type{Name: "integer", Base: "int4"}, NotNull: true},
			{Name: "email", Number: 2, Type: catalog.Type{Name: "text", Base: "text"}},
			{Name: "born", Number: 3, Type: catalog.Type{Name: "date", Base: "date"}},
		},
	}}}
	plan, findings := rules.Compile(file, shop, registry, rules.Options{})
	for _, f := range findings {
		fmt.Println(f)
	}
	fmt.Println(plan.Err())
	why, err := rules.Explain(plan, "public.customer.email")
	fmt.Println(why, err)
	// Output:
	// 0 problems with the text
	// rules.yaml:5:3: public.customer.born: no rule decides this column (date); add the line "born: null" to the columns of public.customer at rules.yaml:5:3, or {keep: "why it names nobody"}
	// the rules were refused; mend what the findings name, see: lethe check
	// public.customer.email (text): email
	//   the pattern "*.*.email" is the narrowest that covers it
	//   decided at rules.yaml:3:3
	//   domain email <nil>
}
