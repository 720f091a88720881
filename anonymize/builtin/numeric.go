package builtin

import (
	"github.com/lethedb/lethe/anonymize"
)

// numeric returns the masks that move or coarsen numbers, times and places.
func numeric() []anonymize.Definition { return nil }
