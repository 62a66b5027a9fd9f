package config

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// readBody reads the body of one file over what was read before.
func (l *Loaded) readBody(body hcl.Body, eval *hcl.EvalContext) {
	content, diags := body.Content(schema(""))
	l.diags = append(l.diags, diags...)
	first := map[string]hcl.Range{}
	l.readAttributes("", content.Attributes, eval, first)
	for _, block := range content.Blocks {
		switch block.Type {
		case "limit":
			l.once(first, fmt.Sprintf("limit %q", block.Labels[0]), block.DefRange)
			l.readLimit(block, eval)
		default:
			content, diags := block.Body.Content(schema(block.Type))
			l.diags = append(l.diags, diags...)
			l.readAttributes(block.Type, content.Attributes, eval, first)
		}
	}
}

// once reports what stands twice in a file: the one would replace the other, or be
// mixed with it, which is for several files.
func (l *Loaded) once(first map[string]hcl.Range, what string, at hcl.Range) {
	if other, again := first[what]; again {
		l.fail(&at, "Said twice", fmt.Sprintf("%s stands in line %d already: make one of the two.", what, other.Start.Line))
		return
	}
	first[what] = at
}

// schema derives what may stand in a block, or at the top (""), from the keys.
func schema(block string) *hcl.BodySchema {
	s := &hcl.BodySchema{}
	blocks := []string{}
	for _, k := range Keys() {
		in, attribute := k.block()
		if in == block {
			s.Attributes = append(s.Attributes, hcl.AttributeSchema{Name: attribute})
		}
		if in != "" && !slices.Contains(blocks, in) {
			blocks = append(blocks, in)
		}
	}
	if block != "" {
		return s
	}
	for _, name := range blocks {
		s.Blocks = append(s.Blocks, hcl.BlockHeaderSchema{Type: name})
	}
	s.Blocks = append(s.Blocks, hcl.BlockHeaderSchema{Type: "limit", LabelNames: []string{"name"}})
	return s
}

func (l *Loaded) readAttributes(block string, attributes hcl.Attributes, eval *hcl.EvalContext, first map[string]hcl.Range) {
	for _, k := range Keys() {
		in, name := k.block()
		if attribute := attributes[name]; in == block && attribute != nil {
			l.once(first, k.Name, attribute.NameRange)
			l.setAttribute(k.Name, k.in(&l.Config), attribute, eval)
		}
	}
}

// readLimit reads a limit block over the one of the same name, if there is one.
func (l *Loaded) readLimit(block *hcl.Block, eval *hcl.EvalContext) {
	content, diags := block.Body.Content(limitSchema())
	l.diags = append(l.diags, diags...)
	limit := l.limit(block.Labels[0])
	prefix := "limit." + limit.Name
	l.origin[prefix] = origin{subject: &block.DefRange}
	for _, k := range limitKeys() {
		if attribute := content.Attributes[k.name]; attribute != nil {
			l.setAttribute(prefix+"."+k.name, k.in(limit), attribute, eval)
		}
	}
	if _, ok := l.origin[prefix+".slots"]; !ok {
		l.fail(&block.DefRange, "Limit without slots", fmt.Sprintf("Say how many slots limit %q has: slots = 5.", limit.Name))
	}
}

// limit returns the limit of this name, made where it is new.
func (l *Loaded) limit(name string) *Limit {
	for i := range l.Config.Limit {
		if l.Config.Limit[i].Name == name {
			return &l.Config.Limit[i]
		}
	}
	l.Config.Limit = append(l.Config.Limit, newLimit(name))
	return &l.Config.Limit[len(l.Config.Limit)-1]
}

func limitSchema() *hcl.BodySchema {
	s := &hcl.BodySchema{}
	for _, k := range limitKeys() {
		s.Attributes = append(s.Attributes, hcl.AttributeSchema{Name: k.name})
	}
	return s
}

// setAttribute stores an attribute's value in the field that p points to.
func (l *Loaded) setAttribute(key string, p any, attribute *hcl.Attribute, eval *hcl.EvalContext) {
	value, diags := attribute.Expr.Value(eval)
	l.diags = append(l.diags, diags...)
	at := attribute.Expr.Range()
	l.origin[key] = origin{subject: &at, unread: true}
	if diags.HasErrors() {
		return
	}
	if value.IsNull() {
		delete(l.origin, key)
		return
	}
	if err := setValue(p, value); err == nil {
		l.origin[key] = origin{subject: &at}
	} else {
		l.fail(&at, "Unsuitable value", fmt.Sprintf("%s does not take this: %v.", key, err))
	}
}

// evalContext offers env("NAME") to the expressions of a file.
func evalContext(lookup func(string) (string, bool)) *hcl.EvalContext {
	env := function.New(&function.Spec{
		Params: []function.Parameter{{Name: "name", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			name := args[0].AsString()
			if value, ok := lookup(name); ok {
				return cty.StringVal(value), nil
			}
			return cty.UnknownVal(cty.String), fmt.Errorf("the environment variable %s is not set", name)
		},
	})
	return &hcl.EvalContext{Functions: map[string]function.Function{"env": env}}
}
