package api

import (
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"payrouter/host/invalid"
)

const jsonMedia = "application/json"

// mediaType reads the type of a request's body, which ignores case (RFC 9110, section 8.3.1). JSON comes out under its
// one name. Other bodies are taken under any name, since curl gives a file a form's.
func mediaType(operation *huma.Operation, r *http.Request) (string, *Problem) {
	written := r.Header.Get("Content-Type")
	if written == "" || operation.RequestBody == nil || r.ContentLength == 0 {
		return "", nil
	}
	refuse := func(format string, args ...any) (string, *Problem) {
		field := fieldError{Parameter: "header Content-Type", Detail: fmt.Sprintf(format, args...)}
		return "", unknownMedia.problem(field.Parameter+" "+field.Detail, field)
	}
	_, wantsJSON := operation.RequestBody.Content[jsonMedia]
	media, parameters, err := mime.ParseMediaType(written)
	charset, has := parameters["charset"]
	switch {
	case err != nil && !wantsJSON:
		return written, nil
	case err != nil:
		return refuse("cannot be read: send %s; got %q", jsonMedia, invalid.Clip(written))
	case has && !strings.EqualFold(charset, "utf-8"):
		return refuse("has the charset %q: send UTF-8", invalid.Clip(charset))
	case !wantsJSON:
		return media, nil
	case media != jsonMedia && !strings.HasSuffix(media, "+json"):
		return refuse("must be %s; got %q", jsonMedia, invalid.Clip(media))
	}
	return jsonMedia, nil
}
