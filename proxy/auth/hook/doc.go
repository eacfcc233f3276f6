// Package hook calls what operators put in the way of auth: before a user is made, in place
// of mails and text messages, on claims of tokens, at attempts to show who one is.
//
// auth.run_hook decides. A hook that is a function of the database it calls itself; of one
// over HTTP it returns what is to be called, and this package calls it: signed as Standard
// Webhooks say, to addresses that are nobody's private ones, and within five seconds.
package hook
