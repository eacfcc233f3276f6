// Package realtime is what @supabase/realtime-js talks to: a WebSocket with
// channels in Phoenix's protocol, and a broadcast over HTTP.
//
// The life of a message: client.go reads a frame, protocol.go parses it, channel.go
// does what it asks; whether a caller may use a private channel is decided by the
// policies on realtime.messages (authorize.go). A broadcast is sent through the
// database (sender.go), so that each process hears of it in one order with all
// others, and what was sent from SQL too: the bus hands it to hub.go, which puts one
// shared frame into the queue of each client that listens (queue.go). A few writers
// (writer.go) write what waits, all of it in one call, to connections that take it
// without waiting; a client that does not keep up gets a goroutine until it does, or
// until it is closed (write.go). Nobody waits for it. No message is compressed.
//
// Who is present stands in the database too: track.go writes what clients here say of
// themselves, presence.go follows what all say, and attend.go holds the lease under
// which that counts. inspect.go serves a page that shows it all live.
package realtime
