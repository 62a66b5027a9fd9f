package config

import (
	"bytes"
	"fmt"

	"github.com/hashicorp/hcl/v2/hclwrite"
)

// setting is one line of a configuration as it is shown.
type setting struct {
	block string // "" at the top
	label string // of a limit block
	name  string
	field any    // points to the value
	from  string // where the value comes from
}

// settings returns all that counts, in the order of config.hcl.example.
func (l *Loaded) settings() []setting {
	var all []setting
	for _, k := range Keys() {
		block, name := k.block()
		all = append(all, setting{block, "", name, k.in(&l.Config), l.from(k.Name)})
	}
	for i := range l.Config.Limit {
		limit := &l.Config.Limit[i]
		for _, k := range limitKeys() {
			all = append(all, setting{"limit", limit.Name, k.name, k.in(limit), l.from("limit." + limit.Name + "." + k.name)})
		}
	}
	return all
}

// from tells where a key's value comes from: a line, a variable, a flag, or nowhere.
func (l *Loaded) from(key string) string {
	o, given := l.origin[key]
	switch {
	case !given:
		return "default"
	case o.subject != nil:
		return fmt.Sprintf("%s:%d", o.subject.Filename, o.subject.Start.Line)
	}
	return o.text
}

// HCL returns the configuration that counts, defaults included, as a file that
// can be loaded again. A comment behind each value tells where it comes from.
func (l *Loaded) HCL() []byte {
	b := &blocks{}
	for _, s := range l.settings() {
		b.enter(s.block, s.label)
		fmt.Fprintf(b, "%s = %s # %s\n", s.name, literal(s.field), s.from)
	}
	return b.done()
}

// blocks writes a file block by block.
type blocks struct {
	bytes.Buffer
	head string // of the block that is open; "": none
}

// enter sees to it that what is written next stands in this block, and tells
// whether it is a new one.
func (b *blocks) enter(block, label string) (fresh bool) {
	head := block
	if label != "" {
		head += " " + literal(&label)
	}
	if head == b.head {
		return false
	}
	b.leave()
	fmt.Fprintf(b, "\n%s {\n", head)
	b.head = head
	return true
}

func (b *blocks) leave() {
	if b.head != "" {
		b.WriteString("}\n")
	}
	b.head = ""
}

// done returns the file, aligned.
func (b *blocks) done() []byte {
	b.leave()
	return hclwrite.Format(b.Bytes())
}

// literal writes the value of a field as a file does.
func literal(field any) string { return string(hclwrite.TokensForValue(ctyValue(field)).Bytes()) }

// Values returns the configuration that counts, defaults included, as an object
// for JSON: texts, numbers, booleans, lists and maps by block and key.
func (l *Loaded) Values() map[string]any {
	values := map[string]any{}
	for _, s := range l.settings() {
		into := values
		if s.block != "" {
			into = child(into, s.block)
		}
		if s.label != "" {
			into = child(into, s.label)
		}
		into[s.name] = plainValue(s.field)
	}
	return values
}

func child(of map[string]any, name string) map[string]any {
	c, ok := of[name].(map[string]any)
	if !ok {
		c = map[string]any{}
		of[name] = c
	}
	return c
}
