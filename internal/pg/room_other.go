//go:build !linux && !darwin && !freebsd

package pg

// diskFree knows nothing here.
func diskFree(string) (int64, bool) { return 0, false }
