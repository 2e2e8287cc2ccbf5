// Command cluster runs what a production set-up consists of as processes on
// this machine: nats-server, redis-server, two issuers and three edges, with
// fresh keys, users and data in a temporary directory. It stops all of them
// on Ctrl-C, or when one of them ends.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	var o options
	flag.StringVar(&o.bin, "bin", "bin", "directory of the issuer and edge binaries")
	flag.StringVar(&o.issuers, "issuers", "8080,8090", "ports of the issuers; 0 for a free one")
	flag.StringVar(&o.edges, "edges", "8081,8082,8083", "ports of the edges; 0 for a free one")
	flag.BoolVar(&o.encrypted, "tls", false, "encrypt every connection, with certificates that are made for it")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends everything at once
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}
