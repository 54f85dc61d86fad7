// Command probat-verify says what a credential is worth. It is the package verify and nothing else, for those who want to read what they run.
package main

import (
	"os"
	"time"

	"github.com/probat-lab/probat/verify"
)

func main() {
	os.Exit(verify.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, time.Now()))
}
