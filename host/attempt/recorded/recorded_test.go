package recorded

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
)

// The journal keeps every byte of a response that is no UTF-8: a replay with holes would be another response.
func TestJournalledResponsesLoseNothing(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"a":"<&>"}`, "", "caf\xe9", "\x00\xff\xfe"} {
		var kept shownResponse
		require.NoError(t, json.Unmarshal(Response(&abi.HttpResponse{Status: 200, Body: []byte(body)}), &kept))
		if kept.Exact == nil {
			require.Equal(t, body, kept.Body)
			continue
		}
		require.Equal(t, body, string(kept.Exact))
	}
}
