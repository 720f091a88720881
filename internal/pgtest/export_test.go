package pgtest

import (
	"bufio"
	"io"
)

// NewCopyBlock opens the reader of COPY blocks to tests.
func NewCopyBlock(dump *bufio.Reader) io.Reader { return &copyBlock{dump: dump} }
