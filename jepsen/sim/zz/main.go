package main

import (
	"context"
	"fmt"
	"github.com/limitd/limitd/jepsen/sim/det"
)

func main() { fmt.Println(det.Build(context.Background(), "/tmp/simdet")) }
