// Package mail sends what auth has to say to people: links, codes, and notices.
//
// Flows queue mails in the transaction that they tell of (auth.queue_mail). Every process
// that knows a mail server claims mails that are due, makes them from the templates and
// hands them over (auth.claim_mails, auth.finish_mail). A mail is sent once, unless its
// process dies, or loses the database, between the server's answer and telling of it; the
// second has the same Message-ID then, by which servers and readers drop it.
//
// What signs in lies in the queue only sealed for its row, and no longer than until the
// mail is sent or given up.
package mail
