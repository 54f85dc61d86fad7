//go:build !probat_puddle

package store

import (
	"context"
	"errors"
)

// openPostgres stands here until go.mod has github.com/jackc/puddle/v2, which pgx/v5/stdlib imports.
func openPostgres(context.Context, string, bool) (*DB, error) {
	return nil, errors.New("opening the database: this build lacks PostgreSQL")
}
