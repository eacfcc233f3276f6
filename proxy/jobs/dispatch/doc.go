// Package dispatch works on jobs within this process: functions of the database and calls
// over HTTP, as jobs.handlers says, and functions in Go.
//
// One loop speaks for all of them. Each of its calls of jobs.finish tells all that has ended
// meanwhile and asks for as many jobs as are wanted, and the next call goes out when the last
// has returned: so the more there is to do, the more jobs share a commit. What the handlers
// do with all other time is none of the loop's business, and what the database does none of
// theirs: they never wait for it.
package dispatch
