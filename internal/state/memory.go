package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/lethedb/lethe/internal/ledger"
)

// KeySeen records that a masking key was used at a time. Times may come in any order.
func (s *Store) KeySeen(ctx context.Context, id string, at time.Time) error {
	_, err := s.db.ExecContext(ctx, `INSERT INTO masking_key (id, first_seen, last_seen) VALUES (?1, ?2, ?2)
		ON CONFLICT (id) DO UPDATE SET first_seen = min(first_seen, excluded.first_seen), last_seen = max(last_seen, excluded.last_seen)`,
		id, at.UnixMicro())
	if err != nil {
		return fmt.Errorf("record use of key %s: %w", id, err)
	}
	return nil
}

// Keys returns every key that was used here, the one used last first.
func (s *Store) Keys(ctx context.Context) ([]Key, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT id, first_seen, last_seen FROM masking_key ORDER BY last_seen DESC, id")
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err tells
	var keys []Key
	for rows.Next() {
		var k Key
		var first, last int64
		if err := rows.Scan(&k.ID, &first, &last); err != nil {
			return nil, fmt.Errorf("list keys: %w", err)
		}
		k.FirstSeen, k.LastSeen = time.UnixMicro(first).UTC(), time.UnixMicro(last).UTC()
		keys = append(keys, k)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	return keys, nil
}

// LedgerHead returns the head that was recorded last, the zero Head when there was none.
func (s *Store) LedgerHead(ctx context.Context) (ledger.Head, error) {
	var head ledger.Head
	err := s.db.QueryRowContext(ctx, "SELECT seq, hash FROM ledger_head").Scan(&head.Seq, &head.Hash)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return ledger.Head{}, fmt.Errorf("read ledger head: %w", err)
	}
	return head, nil
}

// SetLedgerHead records head. The ledger's own lock orders its callers.
func (s *Store) SetLedgerHead(ctx context.Context, head ledger.Head) error {
	_, err := s.db.ExecContext(ctx, `INSERT INTO ledger_head (one, seq, hash) VALUES (1, ?, ?)
		ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, hash = excluded.hash`, head.Seq, head.Hash)
	if err != nil {
		return fmt.Errorf("record ledger head: %w", err)
	}
	return nil
}
