package config

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/gocty"
)

var (
	errDuration = errors.New("write a duration with its unit, in quotes, such as \"250ms\", \"30s\" or \"1h30m\"")
	errSpan     = errors.New("write a duration with its unit, such as 250ms, 30s or 1h30m")
	errNumber   = errors.New("write a whole number, such as 5")
	errBool     = errors.New("write true or false")
	errText     = errors.New("write a text in quotes")
	errList     = errors.New("write a list of texts, such as [\"one\", \"two\"]")
	errMap      = errors.New("write texts by name, such as { team = \"data\" }")
)

// setValue stores what a file says in the field that p points to.
func setValue(p any, v cty.Value) error {
	switch p := p.(type) {
	case *string:
		return setAs(p, v, cty.String, errText)
	case *bool:
		return setAs(p, v, cty.Bool, errBool)
	case *int64:
		return setAs(p, v, cty.Number, errNumber)
	case *[]string:
		err := setAs(p, v, cty.List(cty.String), errList)
		if len(*p) == 0 {
			*p = nil // as an empty flag leaves it
		}
		return err
	case *map[string]string:
		return setAs(p, v, cty.Map(cty.String), errMap)
	case *time.Duration:
		if v.Type() != cty.String {
			return errDuration
		}
		return because(setText(p, v.AsString()), errDuration)
	}
	panic(fmt.Sprintf("config: a key's field is a %T", p))
}

// setAs stores v as a value of type want. Texts are taken as texts only: a
// number in quotes, or a text without them, is more likely a slip.
func setAs(p any, v cty.Value, want cty.Type, wrong error) error {
	if want.IsPrimitiveType() && v.Type() != want {
		return wrong
	}
	converted, err := convert.Convert(v, want)
	if err != nil || !converted.IsWhollyKnown() {
		return wrong
	}
	if err := gocty.FromCtyValue(converted, p); err != nil {
		return wrong
	}
	return nil
}

// setText stores what a flag or a variable says in the field that p points to. With
// an error the field stays as it was.
func setText(p any, text string) error {
	switch p := p.(type) {
	case *string:
		*p = text
	case *bool:
		v, err := strconv.ParseBool(text)
		return keep(p, v, err, errBool)
	case *int64:
		v, err := strconv.ParseInt(text, 10, 64)
		return keep(p, v, err, errNumber)
	case *time.Duration:
		v, err := time.ParseDuration(text)
		return keep(p, v, err, errSpan)
	case *[]string:
		*p = splitList(text)
	default:
		panic(fmt.Sprintf("config: a key's field is a %T", p))
	}
	return nil
}

// keep stores v where it could be read, or says what is wrong with it.
func keep[T any](p *T, v T, err, wrong error) error {
	if err == nil {
		*p = v
	}
	return because(err, wrong)
}

func because(err, wrong error) error {
	if err != nil {
		return wrong
	}
	return nil
}

func splitList(text string) []string {
	var list []string
	for _, item := range strings.Split(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	return list
}

// formatValue writes the field that p points to as setText reads it.
func formatValue(p any) string {
	switch p := p.(type) {
	case *string:
		return *p
	case *bool:
		return strconv.FormatBool(*p)
	case *int64:
		return strconv.FormatInt(*p, 10)
	case *time.Duration:
		return durationText(*p)
	case *[]string:
		return strings.Join(*p, ",")
	}
	panic(fmt.Sprintf("config: a key's field is a %T", p))
}

// ctyValue returns the field that p points to as a file's value.
func ctyValue(p any) cty.Value {
	switch p := p.(type) {
	case *string:
		return cty.StringVal(*p)
	case *bool:
		return cty.BoolVal(*p)
	case *int64:
		return cty.NumberIntVal(*p)
	case *time.Duration:
		return cty.StringVal(durationText(*p))
	case *[]string:
		list := []cty.Value{}
		for _, text := range *p {
			list = append(list, cty.StringVal(text))
		}
		return cty.TupleVal(list)
	case *map[string]string:
		object := map[string]cty.Value{}
		for key, text := range *p {
			object[key] = cty.StringVal(text)
		}
		return cty.ObjectVal(object)
	}
	panic(fmt.Sprintf("config: a key's field is a %T", p))
}

// plainValue returns the field that p points to as JSON has it: durations are
// texts, nothing is null.
func plainValue(p any) any {
	switch p := p.(type) {
	case *string:
		return *p
	case *bool:
		return *p
	case *int64:
		return *p
	case *time.Duration:
		return durationText(*p)
	case *[]string:
		return append([]string{}, *p...)
	case *map[string]string:
		all := map[string]string{}
		maps.Copy(all, *p)
		return all
	}
	panic(fmt.Sprintf("config: a key's field is a %T", p))
}

// durationText writes a duration without the zeros that time.Duration ends in:
// "2m", not "2m0s".
func durationText(d time.Duration) string {
	text := d.String()
	if short, ok := strings.CutSuffix(text, "m0s"); ok {
		text = short + "m"
	}
	if short, ok := strings.CutSuffix(text, "h0m"); ok {
		text = short + "h"
	}
	return text
}
