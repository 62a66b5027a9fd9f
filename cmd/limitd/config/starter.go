package config

import "fmt"

// Starter returns the text of a first configuration file: the node's name and
// what was given to l; every other key as a comment, with its default.
func (l *Loaded) Starter() []byte {
	b := &blocks{}
	b.WriteString(starterHead)
	for i, k := range Keys() {
		block, name := k.block()
		if first := i == 0 || block != "" && b.enter(block, ""); !first {
			b.WriteByte('\n')
		}
		off := "# "
		if k.Name == "name" || l.Set(k.Name) {
			off = ""
		}
		fmt.Fprintf(b, "# %s\n%s%s = %s\n", k.Help, off, name, literal(k.in(&l.Config)))
	}
	b.leave()
	b.WriteString(starterTail)
	return b.done()
}

const starterHead = `# The configuration of one limitd node. What is commented out is the default.
# Check it:  limitd validate FILE        What counts in the end:  limitd config show FILE
# Start it:  limitd agent -config FILE

`

const starterTail = `
# Limits to make at the first start where they are missing; later changes stay.
# limit "db" {
#   slots = 5
#   rate  = "10/m" # slots come back by themselves, ten a minute; left out: by release only
# }
`
