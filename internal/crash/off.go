//go:build !crashpoints

package crash

// Here is where a process built with crashpoints can be made to die.
func Here(string) {}
