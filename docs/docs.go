// Package docs embeds the part of the documentation that the program serves.
package docs

import _ "embed"

//go:embed openapi.yaml
var openAPI []byte

// OpenAPI returns the description of API v1 in OpenAPI 3.1, which must not be
// changed.
func OpenAPI() []byte { return openAPI }
