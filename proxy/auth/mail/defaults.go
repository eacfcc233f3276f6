package mail

// Template is what mails of a kind say. Each part is a template of its own.
type Template struct {
	Subject string `json:"subject"`
	HTML    string `json:"html"`
	Text    string `json:"text"`
}

// kind is a sort of mails.
type kind struct {
	// action is what /verify and the hook send_email call it; verifies says that it holds
	// a link there.
	action   string
	verifies bool
	builtIn  Template
}

// Kinds are the names of all kinds, as auth.queue_mail takes them; those of Supabase.
var Kinds = []string{
	"confirmation", "invite", "magic_link", "recovery", "email_change", "reauthentication",
	"account_exists_notification", "password_changed_notification", "email_changed_notification", "phone_changed_notification",
	"identity_linked_notification", "identity_unlinked_notification",
	"mfa_factor_enrolled_notification", "mfa_factor_unenrolled_notification",
}

const (
	ignore  = "If this was not you, nothing has to be done."
	support = "If this was not you, set a new password at once and tell those who run {{ .SiteURL }}."
)

// link makes a template of a link that can be followed and a code that can be typed.
func link(subject, why, do, after string) Template {
	t := Template{
		Subject: subject,
		HTML:    "<h2>" + subject + "</h2>\n<p>" + why + "</p>\n<p><a href=\"{{ .ConfirmationURL }}\">" + do + "</a></p>\n",
		Text:    why + "\n\n" + do + ":\n{{ .ConfirmationURL }}\n",
	}
	t.HTML += "{{ if .Token }}<p>Or enter this code: <strong>{{ .Token }}</strong></p>\n{{ end }}"
	t.Text += "{{ if .Token }}\nOr enter this code: {{ .Token }}\n{{ end }}"
	return t.end(after)
}

// note makes a template that only tells something.
func note(subject, what, after string) Template {
	return Template{Subject: subject, HTML: "<h2>" + subject + "</h2>\n<p>" + what + "</p>\n", Text: what + "\n"}.end(after)
}

func (t Template) end(after string) Template {
	t.HTML += "<p>" + after + "</p>\n"
	t.Text += "\n" + after + "\n"
	return t
}

var kinds = map[string]kind{
	"confirmation": {"signup", true, link("Confirm your address",
		"Somebody signed up at {{ .SiteURL }} with the address {{ .Email }}.", "Confirm that it is yours", ignore)},
	"invite": {"invite", true, link("You are invited",
		"You are invited to have an account at {{ .SiteURL }}.", "Accept the invitation", ignore)},
	"magic_link": {"magiclink", true, link("Sign in",
		"This link signs you in at {{ .SiteURL }}. It can be used once, and not for long.", "Sign in", ignore)},
	"recovery": {"recovery", true, link("Set a new password",
		"Somebody asked to set a new password for {{ .Email }} at {{ .SiteURL }}.", "Set a new password", ignore)},
	"email_change": {"email_change", true, link("Confirm the change of your address",
		"The address of your account at {{ .SiteURL }} shall change{{ if .Email }} from {{ .Email }}{{ end }} to {{ .NewEmail }}.",
		"Confirm the change", "If this was not you, do not follow the link, and set a new password.")},
	"reauthentication": {"reauthentication", false, note("{{ .Token }} is your code",
		"To confirm that it is you at {{ .SiteURL }}, enter this code: {{ .Token }}",
		"Give it to nobody. If this was not you, set a new password.")},
	"account_exists_notification": {"account_exists_notification", false, note("You already have an account",
		"Somebody signed up at {{ .SiteURL }} with the address {{ .Email }}, which has an account there already.",
		"If this was you, sign in, or ask for a new password. If not, nothing has to be done.")},
	"password_changed_notification": {"password_changed_notification", false, note("Your password was changed",
		"The password of {{ .Email }} at {{ .SiteURL }} was changed.", support)},
	"email_changed_notification": {"email_changed_notification", false, note("Your address was changed",
		"The address of your account at {{ .SiteURL }} was changed from {{ .OldEmail }} to {{ .Email }}.", support)},
	"phone_changed_notification": {"phone_changed_notification", false, note("Your phone number was changed",
		"The phone number of {{ .Email }} at {{ .SiteURL }} was changed{{ if .OldPhone }} from {{ .OldPhone }}{{ end }} to {{ .Phone }}.", support)},
	"identity_linked_notification": {"identity_linked_notification", false, note("A new way to sign in",
		"{{ .Email }} can now sign in at {{ .SiteURL }} through {{ .Provider }}.", support)},
	"identity_unlinked_notification": {"identity_unlinked_notification", false, note("A way to sign in was removed",
		"{{ .Email }} can no longer sign in at {{ .SiteURL }} through {{ .Provider }}.", support)},
	"mfa_factor_enrolled_notification": {"mfa_factor_enrolled_notification", false, note("A second factor was added",
		"A second factor ({{ .FactorType }}) was added for {{ .Email }} at {{ .SiteURL }}.", support)},
	"mfa_factor_unenrolled_notification": {"mfa_factor_unenrolled_notification", false, note("A second factor was removed",
		"A second factor ({{ .FactorType }}) was removed for {{ .Email }} at {{ .SiteURL }}.", support)},
}
