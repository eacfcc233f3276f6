package auth

import "slices"

var (
	ofAdmins = []string{"bad_jwt", "key_check_unavailable", "key_read_only", "keys_unavailable", "no_authorization", "not_admin", "session_not_found", "token_check_unavailable", "user_not_found"}
	ofMaking = slices.Concat(ofAdmins, []string{"conflict", "email_exists", "hashers_busy", "phone_exists", "weak_password"})
	aBoolean = `{"type":"boolean"}`
	ofUser   = ofPassword + `,"id":` + aText + `,"password_hash":` + aText + `,"email_confirm":` + aBoolean + `,"phone_confirm":` + aBoolean +
		`,"user_metadata":` + anObject + `,"app_metadata":` + anObject + `,"role":` + aText + `,"ban_duration":` + aText
)

var (
	aboutOwnSessions   = about{"sessions", "Where the user is signed in", 200, "", ofBearer}
	aboutEndOwnSession = about{"end_session", "Sign out somewhere else", 200, "", slices.Concat(ofBearer, []string{"impersonated"})}

	aboutListUsers    = about{"list_users", "All users, the newest first\nParameters: page and per_page, or cursor; filter, how an address or number begins.", 200, "", ofAdmins}
	aboutCreateUser   = about{"create_user", "Make a user", 200, ofUser, ofMaking}
	aboutReadUser     = about{"read_user", "A user", 200, "", ofAdmins}
	aboutUpdateUser   = about{"update_user", "Change a user\nA ban, a new password and a new role end all their sessions.", 200, ofUser, ofMaking}
	aboutDeleteUser   = about{"delete_user", "Delete a user", 200, `"should_soft_delete":` + aBoolean, ofAdmins}
	aboutImpersonate  = about{"impersonate", "Act in the place of a user\nFor an hour at most; the reason is kept.", 200, `"reason":` + aText + `,"minutes":{"type":"integer"}`, slices.Concat(ofAdmins, []string{"user_banned"})}
	aboutListSessions = about{"list_sessions", "Where a user is signed in", 200, "", ofAdmins}
	aboutEndSessions  = about{"end_sessions", "Sign a user out everywhere", 200, "", ofAdmins}
	aboutEndSession   = about{"end_session_of", "Sign a user out somewhere", 200, "", ofAdmins}
	aboutGenerateLink = about{"generate_link", "Make the link of a mail without sending it\ntype: signup, invite, magiclink, recovery, email_change_current or email_change_new.", 200, `"type":` + aText + `,"email":` + aText + `,"new_email":` + aText + `,"password":` + aText + `,"data":` + anObject, ofMaking}
	aboutInvite       = about{"invite", "Invite somebody by mail", 200, `"email":` + aText + `,"data":` + anObject, slices.Concat(ofMaking, []string{"mail_not_configured"})}
	aboutFactorsOf    = about{"factors_of", "The second factors of a user", 200, "", ofAdmins}
	aboutRemoveFactor = about{"remove_factor", "Take a second factor from a user\nSessions that were raised by it end.", 200, "", slices.Concat(ofAdmins, []string{"mfa_factor_not_found"})}
	aboutPasskeysOf   = about{"passkeys_of", "The passkeys of a user", 200, "", ofAdmins}
	aboutTakePasskey  = about{"take_passkey", "Take a passkey from a user", 204, "", slices.Concat(ofAdmins, []string{"webauthn_credential_not_found"})}
	aboutUnlock       = about{"clear_attempts", "Forget how often a user failed to show a second factor", 200, "", ofAdmins}
	aboutAudit        = about{"audit", "What happened, the newest first\nParameters: page, per_page, action.", 200, "", ofAdmins}
)
