package secret

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// keyBytes is the length of masking and signing keys alike: AES-256 and Ed25519 both ask for 32.
const keyBytes = 32

// WriteKey makes a new key from random and writes it to path as 64 hex digits and a line end, readable by
// its owner alone, and returns the digits. It never overwrites: a file at path, whatever it holds, is an
// error that wraps fs.ErrExist. When it returns nil the key has reached the disk.
func WriteKey(path string, random io.Reader) (String, error) {
	raw := make([]byte, keyBytes)
	if _, err := io.ReadFull(random, raw); err != nil {
		return String{}, fmt.Errorf("make key: %w", err)
	}
	digits := hex.EncodeToString(raw)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return String{}, fmt.Errorf("write key: %w; a key is never overwritten, name another file", err)
	}
	if err != nil {
		return String{}, fmt.Errorf("write key: %w", err)
	}
	_, err = io.WriteString(f, digits+"\n")
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		// Half a key must not stand in the way of the next attempt.
		return String{}, fmt.Errorf("write key: %w", errors.Join(err, os.Remove(path)))
	}
	return New(digits), nil
}

// syncDir makes the names in a directory survive a crash.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
