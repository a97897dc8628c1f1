// Command prepare downloads what kafkatest needs ahead of the tests and prints
// the class path.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"botrelay/sinks/kafkasink/kafkatest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	path, err := kafkatest.ClassPath(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "prepare:", err)
		os.Exit(1)
	}
	fmt.Println(path)
}
