// Package tools holds no code: its go.mod pins the programs that check this module.
package tools
