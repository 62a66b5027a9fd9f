// Command mutants judges the judge: it plants bugs in copies of limitd's own
// sources, and shows that each is convicted, by name, by the instrument that
// is to find it, and that the same run without the bug passes.
package main

import (
	"flag"
	"fmt"
	"os"
)

// Run is to come.
type Run struct{}

func main() {
	dir := flag.String("overlay", "", "write the overlay into this directory, and do no more")
	flag.Parse()
	root, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	files, err := patch(root, bugs())
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	o, err := writeOverlay(root, *dir, files)
	fmt.Println(o, err)
}
