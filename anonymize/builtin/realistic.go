package builtin

import (
	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/builtin/dictionary"
)

// realistic returns the masks that write what looks like the thing itself, beside those for names.
func realistic(_ *dictionary.Library) []anonymize.Definition { return nil }
