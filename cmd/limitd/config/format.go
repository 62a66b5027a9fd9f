package config

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// FormatError is what keeps a file from being formatted. Its text shows the
// lines that are wrong.
type FormatError struct {
	diags hcl.Diagnostics
	files map[string]*hcl.File
}

// Error returns all that is wrong, with its lines.
func (e *FormatError) Error() string { return textOf(e.diags, e.files) }

// Format returns the text of an HCL file with its lines indented and aligned as
// they should be; nothing else changes. The name is for errors, *FormatError.
func Format(name string, text []byte) ([]byte, error) {
	parser := hclparse.NewParser()
	if _, diags := parser.ParseHCL(text, name); diags.HasErrors() {
		return nil, &FormatError{diags, parser.Files()}
	}
	return hclwrite.Format(text), nil
}
