// Package replication turns the database's write-ahead log into the stream of
// committed changes that package changes describes.
//
// The life of a change:
//
//  1. connect.go sees to a slot of our own and begins to read it; what stands in
//     the way is named, with its mend, in failure.go, and tried again later.
//  2. stream.go takes message after message off the connection and hands each to
//     decode.go, which gives back a transaction at each commit.
//  3. ring.go keeps the transactions of the last minute and queues their numbers
//     for the subscriptions that want them (subscription.go). Nothing here waits
//     for a reader: one that is too slow gets a Gap.
//  4. status.go tells Postgres how far we are, and that everything older than the
//     ring may go. So a restarted process reads the ring's transactions again.
//  5. keep.go proves that the stream is current, with a message that must come
//     back, and drops the slots of processes that are gone.
package replication
