package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDotNetsTimes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2023-10-04T08:34:00.3087598Z":     "2023-10-04T08:34:00.308Z",
		"2023-10-04T08:34:00.3087598":      "2023-10-04T08:34:00.308Z",
		"2023-10-04T08:34:00":              "2023-10-04T08:34:00.000Z",
		"2023-10-04T08:34:00.3+02:00":      "2023-10-04T06:34:00.300Z",
		"2024-02-29T23:59:59.9999999":      "2024-02-29T23:59:59.999Z",
		"2023-02-29T00:00:00":              "",
		"04.10.2023":                       "",
		"":                                 "",
		"2023-10-04T08:34:00.3087598Z, or": "",
	} {
		at, ok := readUTC(text)
		require.Equal(t, want != "", ok, text)
		if ok {
			require.Equal(t, want, utc(at.UnixMilli()), text)
			require.Zero(t, at.UnixMilli()-at.Truncate(time.Millisecond).UnixMilli())
		}
	}
}
