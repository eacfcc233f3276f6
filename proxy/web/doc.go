// Package web is what every route shares with HTTP: the handler type, the one
// error value, its table of codes, and the encoders that write it. It knows
// nothing of the capabilities above it.
package web
