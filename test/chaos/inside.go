package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
)

// inside asks a handler of this process, without a socket.
func inside(ctx context.Context, handler http.Handler, method, path string, into any) (status int, err error) {
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequestWithContext(ctx, method, path, strings.NewReader("")))
	if err := json.Unmarshal(recorder.Body.Bytes(), into); err != nil {
		return recorder.Code, fmt.Errorf("read the answer to %s %s: %w", method, path, err)
	}
	return recorder.Code, nil
}
