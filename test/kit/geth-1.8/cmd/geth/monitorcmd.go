package main

import "gopkg.in/urfave/cli.v1"

// The terminal charts are left out: a library of theirs is in no module proxy.
var monitorCommand = cli.Command{Name: "monitor", Usage: "not in this build"}
