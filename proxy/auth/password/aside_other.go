//go:build !linux

package password

// aside runs a hash. Elsewhere than on Linux threads have no priorities of their own.
func aside(hash func()) { hash() }
