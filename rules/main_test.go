package rules

import (
	"testing"

	"github.com/lethedb/lethe/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }
