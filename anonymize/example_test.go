package anonymize_test

import (
	"fmt"
	"io"
	"os"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/masked"
)

// initial is a mask that leaves the first letter of a name.
type initial struct{}

func (initial) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	for _, letter := range string(v.Text) {
		return append(dst, string(letter)+"."...), nil
	}
	return append(dst, '.'), nil
}

func ExampleTable() {
	header := masked.Header{
		Table:   catalog.Name{Schema: "public", Name: "customer"},
		Columns: []string{"id", "name", "note"},
	}
	table, err := anonymize.NewTable(header, []anonymize.Column{
		{Name: "id"},
		{Name: "name", Mask: initial{}, MaskName: "initial", Nulls: anonymize.NullsKept},
		{Name: "note"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	rows := table.Rows(func(w io.Writer) (int64, error) { // in earnest, COPY … TO STDOUT
		_, err := io.WriteString(w, "1\tAda\tlikes\\ttabs\n2\t\\N\t\\N\n3\tÉmile\tnone\n")
		return 3, err
	})
	n, err := rows.Push(os.Stdout)
	fmt.Println(n, err)
	// Output:
	// 1	A.	likes\ttabs
	// 2	\N	\N
	// 3	É.	none
	// 3 <nil>
}
