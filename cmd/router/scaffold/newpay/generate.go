//go:build !wasip1

package main

import "payrouter/abi/native/schema"

//go:generate go run .

// main writes the schemas of the table of methods. A guest has an empty main.
func main() { generated().Write("schema.go") }

func generated() *schema.Methods { return schema.Of(methods, schema.Input, schema.Output) }
