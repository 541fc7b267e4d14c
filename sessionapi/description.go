package sessionapi

import _ "embed"

//go:embed openapi.yaml
var description string

// Description returns openapi.yaml, which describes the calls and all their
// answers (OpenAPI 3.1), for an application that serves it with its own.
func Description() string { return description }
