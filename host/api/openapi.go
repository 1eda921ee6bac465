package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"payrouter/host/access"
	"payrouter/host/operation"
	"payrouter/host/payment"
)

// OpenAPI is the document of the API, as JSON. With a fleet it has a path for each operation of each account with its
// own schemas; without one it has the generic paths.
func OpenAPI(version string, fleet *payment.Fleet) ([]byte, error) {
	a := &api{settings: Settings{Version: version, MaxBody: 1 << 20}}
	described := humago.New(http.NewServeMux(), a.config())
	a.register(described)
	general, err := described.OpenAPI().MarshalJSON()
	if err != nil || fleet == nil {
		return general, err
	}
	return withAccounts(general, fleet)
}

// document serves the OpenAPI document. It includes accounts only for callers who may list all of them. It is safe for
// concurrent use.
type document struct {
	api     *api
	general func() ([]byte, error)

	mutex sync.Mutex
	// of is the fleet that whole is about.
	of    *payment.Fleet
	whole []byte
}

func (a *api) document(described huma.API) *document {
	return &document{api: a, general: sync.OnceValues(described.OpenAPI().MarshalJSON)}
}

// ServeHTTP implements http.Handler.
func (d *document) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, err := d.general()
	if key, known := d.api.identify(r.Header.Get("Authorization")); known && err == nil &&
		key.May(access.ReadOperations) && key.May(access.AllMerchants) {
		text, err = d.about(d.api.engine.Fleet())
	}
	if err != nil {
		d.api.settings.Logger.ErrorContext(r.Context(), "the API's document cannot be shown", slog.Any("error", err))
		writeProblem(w, internalProblem.problem(""))
		return
	}
	w.Header().Set("Content-Type", "application/openapi+json")
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Vary", "Authorization")
	_, _ = w.Write(text)
}

// about is the document with a fleet's accounts, made once for each fleet.
func (d *document) about(fleet *payment.Fleet) ([]byte, error) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if d.of == fleet {
		return d.whole, nil
	}
	general, err := d.general()
	if err != nil {
		return nil, err
	}
	whole, err := withAccounts(general, fleet)
	if err != nil {
		return nil, err
	}
	d.of, d.whole = fleet, whole
	return whole, nil
}

// node is an object of the document.
type node = map[string]any

// withAccounts adds each account's operations. Accounts of one plugin share its schemas.
func withAccounts(general []byte, fleet *payment.Fleet) ([]byte, error) {
	var whole node
	decoder := json.NewDecoder(bytes.NewReader(general))
	decoder.UseNumber()
	if err := decoder.Decode(&whole); err != nil {
		return nil, fmt.Errorf("read the API's document: %w", err)
	}
	paths, _ := whole["paths"].(node)
	components, _ := whole["components"].(node)
	schemas, _ := components["schemas"].(node)
	for _, name := range slices.Sorted(maps.Keys(fleet.Accounts)) {
		operations, err := operation.List(&fleet.Fleet, name)
		if err != nil {
			return nil, err
		}
		for _, one := range operations {
			input, output, err := addSchemas(schemas, one)
			if err != nil {
				return nil, err
			}
			paths[operationsPath(url.PathEscape(name))+"/"+url.PathEscape(one.Manifest.GetName())] = node{
				"post": describe(one, input, output),
			}
		}
	}
	return encoded(whole), nil
}

// describe is one operation of an account; input and output are references to its schemas.
func describe(o operation.Operation, input, output node) node {
	class := lower(o.Idempotency.String(), "IDEMPOTENCY_")
	description := fmt.Sprintf("%s Idempotency: %s. Documented by the provider: %s.",
		o.Manifest.GetSummary(), class,
		strings.ReplaceAll(lower(o.Manifest.GetDocumented().String(), "DOCUMENTED_"), "unspecified", "no"))
	parameters := []node{}
	if o.Manifest.GetPaged() {
		parameters = append(parameters, node{
			"name": "cursor", "in": "query", "description": "next_cursor of the page before",
			"schema": node{"type": "string"},
		})
	}
	responses := node{"default": content("A problem", "application/problem+json", reference("Problem"))}
	if o.Safe() {
		responses["200"] = content("The provider's answer", "application/json", narrowed("Reading", output))
	} else {
		parameters = append(
			parameters,
			node{
				"name": "Idempotency-Key", "in": "header", "required": true, "schema": node{"type": "string"},
				"description": "New for each run, the same for each repetition; at most 255 printable characters",
			},
			node{
				"name": "Prefer", "in": "header", "description": "respond-async answers 202 at once (RFC 7240)",
				"schema": node{"type": "string"},
			},
		)
		responses["201"] = content("The run, whatever became of it", "application/json", narrowed("Run", output))
		responses["202"] = content("The run, still on its way", "application/json", reference("Run"))
	}
	return node{
		"operationId": "perform-" + componentName(o.Provider+"-"+o.Manifest.GetName()), "summary": o.Provider + ": " +
			o.Manifest.GetName(),
		"description": strings.TrimSpace(description), "tags": []string{o.Provider}, "parameters": parameters,
		"responses":   responses,
		"requestBody": node{"content": node{"application/json": node{"schema": input}}},
	}
}

func content(description, contentType string, schema node) node {
	return node{"description": description, "content": node{contentType: node{"schema": schema}}}
}

func reference(component string) node {
	return node{"$ref": "#/components/schemas/" + component}
}

// narrowed is a component whose output is an operation's own.
func narrowed(component string, output node) node {
	return node{"allOf": []node{reference(component), {"properties": node{"output": output}}}}
}

// addSchemas adds the schemas of an operation, where no other account of the plugin has, and refers to them.
func addSchemas(schemas node, o operation.Operation) (input, output node, err error) {
	base := componentName(o.Plugin + "." + o.Manifest.GetName())
	if input, err = addSchema(schemas, base+".input", o.Manifest.GetInputSchema()); err != nil {
		return nil, nil, err
	}
	output, err = addSchema(schemas, base+".output", o.Manifest.GetOutputSchema())
	return input, output, err
}

func addSchema(schemas node, name, text string) (node, error) {
	if _, there := schemas[name]; there {
		return reference(name), nil
	}
	decoder := json.NewDecoder(bytes.NewReader(schemaText(text)))
	decoder.UseNumber()
	var schema any
	if err := decoder.Decode(&schema); err != nil {
		return nil, fmt.Errorf("read the schema %s: %w", name, err)
	}
	schemas[name] = moved(schema, "#/components/schemas/"+name)
	return reference(name), nil
}

// moved is a schema whose references into itself go by where it now is.
func moved(schema any, to string) any {
	switch of := schema.(type) {
	case node:
		for member, value := range of {
			if at, is := value.(string); is && member == "$ref" && strings.HasPrefix(at, "#") {
				of[member] = to + strings.TrimPrefix(at, "#")
				continue
			}
			of[member] = moved(value, to)
		}
	case []any:
		for i := range of {
			of[i] = moved(of[i], to)
		}
	}
	return schema
}

var notInComponents = regexp.MustCompile(`[^A-Za-z0-9._-]`)

// componentName is a name as components may have it.
func componentName(name string) string { return notInComponents.ReplaceAllString(name, "_") }
