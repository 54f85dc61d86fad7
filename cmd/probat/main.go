// Command probat is an open security lab for network equipment in one program: it observes a product release, judges what it saw against
// published security schemes, and keeps everything in a dossier that anyone can judge anew.
package main

import "os"

func main() {
	os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
