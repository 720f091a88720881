package builtin_test

import (
	"fmt"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/builtin"
	"github.com/lethedb/lethe/anonymize/derive"
	"github.com/lethedb/lethe/internal/catalog"
)

// One key, one domain: whoever is mary.smith in one table is the same invented person in every other.
func ExampleMasks() {
	registry, err := anonymize.NewRegistry(builtin.Masks())
	if err != nil {
		fmt.Println(err)
		return
	}
	definition, _ := registry.Lookup("email")
	key := derive.MaskingKeyOf([32]byte{1, 2, 3})
	args := anonymize.Args{
		Column: "email", Type: catalog.Type{Name: "character varying(50)", Base: "varchar", MaxLength: 50},
		Params: map[string]any{"host": "example.com"}, Domain: "email", Key: key.Key("email", definition.Family),
	}
	if err := definition.Check(args); err != nil {
		fmt.Println(err)
		return
	}
	mask, err := definition.New(args)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, original := range []string{"mary.smith@shop.example", "bob@shop.example", "mary.smith@shop.example", "n/a"} {
		masked, err := mask.Append([]byte{}, anonymize.Value{Text: []byte(original)})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(string(masked))
	}
	// Output:
	// teddy.ticor.fsa1cjjd8ts02atc4v4q@example.com
	// brana.caissie.ec3y4y7kztdbfehtwdn1@example.com
	// teddy.ticor.fsa1cjjd8ts02atc4v4q@example.com
	// bailie.harrold.rgsaxqd9q6234baxsrrb@example.com
}
