// Package bus is how processes that serve one database act as one: what the
// product itself does with the stream of changes.
//
// Messages that matter (bus.go) are signed by the database under a key that only it
// and we can read (message.go), because anyone who can run SQL can also write
// messages into the log. A process holds a lease in fluxbase.proxies (lease.go),
// which it renews only while its stream is proven to be current. So who has changed
// something that must be known everywhere waits, with fluxbase.await, until each
// live process has confirmed it; one that can't confirm loses its lease, and with
// it the right to trust what it remembers.
package bus
