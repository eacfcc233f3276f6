package auth

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/fluxbase/fluxbase/proxy/web"
)

// about is what is told of a route: its operationId, what it is for, the status of a good
// answer, the properties of its body, and the codes of its refusals.
type about struct {
	id, text string
	status   int
	takes    string
	codes    []string
}

// Endpoints describes the routes, for /openapi.json.
func Endpoints() []web.Endpoint {
	list := make([]web.Endpoint, len(routes))
	for i, rt := range routes {
		list[i] = web.Endpoint{
			Method: rt.method, Path: Prefix + strings.ReplaceAll(rt.path, "*", "{id}"), ID: "auth." + rt.about.id, Tag: "auth",
			About:   rt.about.text,
			Answers: []web.Answer{{Status: rt.about.status, About: "Done."}},
			Codes:   slices.Concat(codes, rt.about.codes), AnySQLSTATE: true,
		}
		if rt.about.status == 200 {
			list[i].Answers[0].Type, list[i].Answers[0].Schema = "application/json", json.RawMessage(`{"type":"object"}`)
		}
		if strings.Contains(rt.path, "*") {
			list[i].Parameters = []web.Parameter{{Name: "id", In: "path", About: "The id."}}
		}
		if rt.about.takes != "" {
			list[i].Body = json.RawMessage(`{"application/json":{"schema":{"type":"object","properties":{` + rt.about.takes + `}}}}`)
		}
	}
	return list
}

const aText, anObject = `{"type":"string"}`, `{"type":"object"}`

var (
	codes = slices.Concat(web.OfDatabase, []string{
		"bad_json", "hook_payload_invalid_content_type", "hook_payload_over_size_limit", "hook_refused", "hook_timeout", "hook_timeout_after_retry",
		"validation_failed",
	})
	ofBearer = []string{"bad_jwt", "key_check_unavailable", "keys_unavailable", "no_authorization", "session_not_found", "token_check_unavailable", "user_not_found"}
	ofSignUp = []string{
		"anonymous_provider_disabled", "email_provider_disabled", "hashers_busy", "phone_provider_disabled", "signup_disabled", "user_already_exists", "weak_password",
	}
	ofToken = []string{
		"bad_code_verifier", "email_not_confirmed", "flow_state_already_used", "flow_state_expired", "flow_state_not_found", "hashers_busy",
		"invalid_credentials", "phone_not_confirmed", "refresh_token_already_used", "refresh_token_not_found",
		"session_expired", "user_banned",
	}
	ofCaptcha = []string{"captcha_failed", "captcha_unavailable"}
	ofMessage = []string{
		"email_provider_disabled", "mail_not_configured", "over_email_send_rate_limit", "over_sms_send_rate_limit", "phone_provider_disabled", "sms_send_failed",
	}
	ofLink   = []string{"email_exists", "otp_expired", "over_request_rate_limit", "phone_exists", "user_banned"}
	ofChange = []string{
		"conflict", "current_password_invalid", "current_password_required", "email_exists", "hashers_busy", "not_admin", "over_request_rate_limit", "phone_exists",
		"reauthentication_needed", "reauthentication_not_valid", "same_password", "user_banned", "user_sso_managed", "weak_password",
	}
	ofPKCE     = `,"code_challenge":` + aText + `,"code_challenge_method":` + aText
	ofHuman    = `,"gotrue_meta_security":{"type":"object","properties":{"captcha_token":` + aText + `}}`
	ofPassword = `"email":` + aText + `,"phone":` + aText + `,"password":` + aText
)

var (
	aboutHealth    = about{"health", "Whether auth is served", 200, "", nil}
	aboutSettings  = about{"settings", "What a sign-in page should offer", 200, "", nil}
	aboutKeys      = about{"keys", "The keys that access tokens are verified with\nA JWK set (RFC 7517); secrets are never in it.", 200, "", nil}
	aboutDiscovery = about{"discovery", "The issuer of access tokens\nAs OpenID Connect Discovery 1.0 wants it.", 200, "", nil}
	aboutServer    = about{"server_metadata", "The issuer of access tokens\nAs RFC 8414 wants it.", 200, "", nil}
	aboutSignUp    = about{"sign_up", "Sign up\nWith an address or phone and a password, or anonymously with neither.", 200, ofPassword + `,"data":` + anObject + ofPKCE + ofHuman, slices.Concat(ofCaptcha, ofSignUp, ofMessage)}
	aboutToken     = about{"token", "Sign in, or refresh a session\nThe parameter grant_type says how.", 200, ofPassword + `,"refresh_token":` + aText + `,"auth_code":` + aText + `,"code_verifier":` + aText + `,"provider":` + aText + `,"id_token":` + aText + `,"access_token":` + aText + `,"nonce":` + aText + ofHuman, slices.Concat(ofCaptcha, ofToken, ofIdentity, ofProviders)}
	aboutUser      = about{"user", "Who the bearer of the token is", 200, "", ofBearer}
	aboutLogout    = about{"sign_out", "Sign out\nThe parameter scope: global (all sessions of the user), local or others.", 204, "", ofBearer}

	aboutOTP = about{
		"request_otp", "Sign in without a password\nSends a link and a code to an address, or a code to a phone.", 200,
		`"email":` + aText + `,"phone":` + aText + `,"create_user":{"type":"boolean"},"data":` + anObject + ofPKCE + ofHuman,
		slices.Concat(ofCaptcha, ofMessage, []string{"otp_disabled", "signup_disabled"}),
	}
	aboutVerify = about{
		"verify", "Sign in with a code or a link\ntype, with email or phone and token, or with token_hash.", 200,
		`"type":` + aText + `,"email":` + aText + `,"phone":` + aText + `,"token":` + aText + `,"token_hash":` + aText, ofLink,
	}
	aboutLink     = about{"open_link", "The link of a mail\nSends a browser on to redirect_to; shows a page with a button to what is not plainly one.", 303, "", nil}
	aboutLinkHead = about{"look_at_link", "Whether links are served\nUses up nothing.", 200, "", nil}
	aboutLinkForm = about{"follow_link", "The button of that page\nA form of token, type and redirect_to.", 303, "", nil}
	aboutRecover  = about{"recover", "Set a new password\nSends a link that signs in, if somebody has the address.", 200, `"email":` + aText + ofPKCE + ofHuman, slices.Concat(ofCaptcha, ofMessage)}
	aboutResend   = about{
		"resend", "Send once more\nWhat confirms a sign-up or a change: type is signup, email_change, sms or phone_change.", 200,
		`"type":` + aText + `,"email":` + aText + `,"phone":` + aText + ofPKCE + ofHuman, slices.Concat(ofCaptcha, ofMessage),
	}
	aboutReauthenticate = about{"reauthenticate", "Send a code for a new password", 200, "", slices.Concat(ofBearer, ofMessage)}
	aboutChangeUser     = about{
		"change_user", "Change oneself\nA new address or phone has to be confirmed.", 200,
		ofPassword + `,"current_password":` + aText + `,"nonce":` + aText + `,"data":` + anObject + ofPKCE, slices.Concat(ofBearer, ofMessage, ofChange),
	}
)

var (
	ofFactor   = append([]string{"insufficient_aal", "mfa_factor_not_found", "reauthentication_needed"}, ofBearer...)
	ofVerify   = append([]string{"mfa_challenge_expired", "mfa_verification_failed", "mfa_verification_rejected", "totp_rate_limit_exceeded"}, ofFactor...)
	ofRecovery = append([]string{"mfa_recovery_codes_enroll_not_enabled", "mfa_recovery_codes_sole_factor"}, ofFactor...)
	ofPasskey  = append([]string{"insufficient_aal", "passkey_disabled", "reauthentication_needed", "webauthn_credential_not_found"}, ofBearer...)
	ofCeremony = []string{"passkey_disabled", "webauthn_challenge_expired", "webauthn_challenge_not_found", "webauthn_verification_failed"}

	aName    = `"friendly_name":` + aText
	aCode    = `"code":` + aText
	anAnswer = `"challenge_id":` + aText + `,"credential":` + anObject

	aboutEnroll = about{
		"enroll_factor", "Begin a second factor\nIt counts once it was verified; the secret of totp is shown here alone.", 200,
		`"factor_type":{"type":"string","enum":["totp","webauthn","phone"]},"issuer":` + aText + `,"phone":` + aText + `,` + aName,
		append([]string{
			"mfa_factor_name_conflict", "mfa_phone_enroll_not_enabled", "mfa_totp_enroll_not_enabled", "mfa_verified_factor_exists",
			"mfa_webauthn_enroll_not_enabled", "too_many_enrolled_mfa_factors",
		}, ofFactor...),
	}
	aboutChallenge = about{
		"challenge_factor", "Ask for a second factor\nA phone gets a code; an authenticator gets options for the browser.", 200, "",
		append([]string{
			"mfa_phone_verify_not_enabled", "mfa_totp_verify_not_enabled", "mfa_webauthn_verify_not_enabled", "over_sms_send_rate_limit", "sms_send_failed",
		}, ofFactor...),
	}
	aboutVerifyFactor = about{
		"verify_factor", "Show a second factor\nThe session is of aal2 from then on, and others of the user below that end.", 200,
		`"challenge_id":` + aText + `,"webauthn":` + anObject + `,` + aCode, ofVerify,
	}
	aboutUnenroll            = about{"unenroll_factor", "Remove a second factor\nOther sessions that were raised by it end.", 200, "", ofFactor}
	aboutRecoveryCodes       = about{"recovery_codes", "How many recovery codes are left", 200, "", ofFactor}
	aboutMakeRecoveryCodes   = about{"make_recovery_codes", "Make recovery codes\nThey are shown here alone.", 200, aName, append([]string{"mfa_factor_name_conflict", "mfa_verified_factor_exists"}, ofRecovery...)}
	aboutRemakeRecoveryCodes = about{"remake_recovery_codes", "Replace the recovery codes\nThose of before are void.", 200, "", ofRecovery}
	aboutUseRecoveryCode     = about{"use_recovery_code", "Show a recovery code in place of a second factor\nIt works once.", 200, aCode, append([]string{"mfa_recovery_codes_locked", "mfa_recovery_codes_verify_not_enabled", "mfa_verification_failed"}, ofBearer...)}
	aboutDropRecoveryCodes   = about{"drop_recovery_codes", "Remove the recovery codes", 200, "", ofFactor}

	aboutPasskeys          = about{"passkeys", "List one's passkeys", 200, "", ofBearer}
	aboutBeginPasskey      = about{"begin_passkey", "Options to register a passkey", 200, "", append([]string{"too_many_passkeys"}, ofPasskey...)}
	aboutAddPasskey        = about{"add_passkey", "Register a passkey", 200, anAnswer + `,` + aName, slices.Concat([]string{"too_many_passkeys", "webauthn_credential_exists"}, ofPasskey, ofCeremony)}
	aboutAskForPasskey     = about{"ask_for_passkey", "Options to sign in by a passkey", 200, ofHuman[1:], append([]string{"passkey_disabled"}, ofCaptcha...)}
	aboutSignInWithPasskey = about{"sign_in_with_passkey", "Sign in by a passkey", 200, anAnswer, append([]string{"user_banned", "webauthn_credential_not_found"}, ofCeremony...)}
	aboutRenamePasskey     = about{"rename_passkey", "Rename a passkey", 200, aName, ofPasskey}
	aboutRemovePasskey     = about{"remove_passkey", "Remove a passkey", 204, "", ofPasskey}
)
