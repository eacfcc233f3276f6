// Package changes is how capabilities hear of committed changes, without knowing
// where they come from: what a change looks like, and the Source that tells of
// them in commit order. Package replication is that source.
//
// Everything handed out is shared by all who listen: read it, keep it as long as
// you like, never write to it.
package changes
