// Command train prints a dictionary for the journal's records: the first two changes of one payment at each account of
// a journal, as far as there is room. Nearly all payments have two such changes.
//
//	router serve --sandbox --data build/data   # and some payments at each account
//	go run ./host/store/record/v1/train build/data/payrouter.db > host/store/record/v1/dictionary/2.bin
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	_ "modernc.org/sqlite"

	record "payrouter/host/store/record/v1"
)

// room is how large a dictionary is at most, in bytes: s2 takes as much.
const room = 64 << 10

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: train JOURNAL")
	}
	path, err := filepath.Abs(args[0])
	if err != nil {
		return err
	}
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // only read from
	dictionary, err := train(context.Background(), db)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(dictionary)
	return err
}

// train joins the records, the account with the most payments last: what is nearest costs least to refer to.
func train(ctx context.Context, db *sql.DB) ([]byte, error) {
	rows, err := db.QueryContext(ctx, `WITH typical AS (
			SELECT provider, kind, max(number) AS first, count(*) AS payments FROM owner
			WHERE operation IS NULL AND provider IS NOT NULL AND status <> 'failed' GROUP BY provider, kind)
		SELECT t.first, c.number FROM typical t JOIN change c ON c.previous = t.first ORDER BY t.payments DESC`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var numbers []int64
	for rows.Next() {
		var first, second int64
		if err := rows.Scan(&first, &second); err != nil {
			return nil, err
		}
		numbers = append(numbers, first, second)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	var dictionary []byte
	for _, number := range numbers {
		plain, err := plainOf(ctx, db, number)
		if err != nil {
			return nil, err
		}
		if len(dictionary)+len(plain) > room {
			break
		}
		dictionary = slices.Concat(plain, dictionary)
	}
	return dictionary, nil
}

func plainOf(ctx context.Context, db *sql.DB, number int64) ([]byte, error) {
	var text []byte
	if err := db.QueryRowContext(ctx, `SELECT record FROM change WHERE number = ?`, number).Scan(&text); err != nil {
		return nil, err
	}
	change, err := record.Decode(text)
	if err != nil {
		return nil, err
	}
	return change.MarshalVT()
}
