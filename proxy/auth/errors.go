package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/fluxbase/fluxbase/proxy/token"
	"github.com/fluxbase/fluxbase/proxy/web"
)

// messages are the texts of refusals that come from the database. Clients switch on
// codes; people read these.
var messages = map[string]string{
	"anonymous_provider_disabled":           "Anonymous sign-ins are disabled",
	"bad_code_verifier":                     "code challenge does not match previously saved code verifier",
	"bad_oauth_state":                       "OAuth callback with invalid state",
	"conflict":                              "The user was changed at the same time: try again",
	"current_password_invalid":              "Current password is not correct",
	"current_password_required":             "Current password required when setting new password",
	"email_address_not_provided":            "The provider does not tell an email address",
	"email_conflict_identity_not_deletable": "Unable to unlink identity due to email conflict",
	"email_exists":                          "A user with this email address has already been registered",
	"email_not_confirmed":                   "Email not confirmed",
	"email_provider_disabled":               "Email signups are disabled",
	"flow_state_already_used":               "invalid flow state, the auth code was used already",
	"flow_state_expired":                    "invalid flow state, flow state has expired",
	"flow_state_not_found":                  "invalid flow state, no valid flow state found",
	"identity_already_exists":               "Identity is already linked",
	"identity_not_found":                    "Identity doesn't exist",
	"insufficient_aal":                      "AAL2 required to do this; verify a second factor first",
	"invalid_credentials":                   "Invalid login credentials",
	"manual_linking_disabled":               "Manual linking is disabled",
	"mfa_challenge_expired":                 "MFA challenge has expired, verify against another challenge or create a new challenge",
	"mfa_factor_name_conflict":              "A factor with this friendly name already exists for this user",
	"mfa_factor_not_found":                  "Factor not found",
	"mfa_phone_enroll_not_enabled":          "MFA enroll is disabled for Phone",
	"mfa_phone_verify_not_enabled":          "MFA verification is disabled for Phone",
	"mfa_recovery_codes_enroll_not_enabled": "MFA recovery codes are disabled",
	"mfa_recovery_codes_locked":             "Too many wrong codes; try again later, or use another factor",
	"mfa_recovery_codes_sole_factor":        "Recovery codes need another verified factor",
	"mfa_recovery_codes_verify_not_enabled": "MFA verification is disabled for recovery codes",
	"mfa_totp_enroll_not_enabled":           "MFA enroll is disabled for TOTP",
	"mfa_totp_verify_not_enabled":           "MFA verification is disabled for TOTP",
	"mfa_verification_failed":               "Invalid TOTP code entered",
	"mfa_verification_rejected":             "Further MFA verification attempts will be rejected",
	"mfa_verified_factor_exists":            "A verified factor of this kind already exists",
	"mfa_webauthn_enroll_not_enabled":       "MFA enroll is disabled for WebAuthn",
	"mfa_webauthn_verify_not_enabled":       "MFA verification is disabled for WebAuthn",
	"otp_disabled":                          "Signups not allowed for otp",
	"otp_expired":                           "Token has expired or is invalid",
	"over_request_rate_limit":               "Request rate limit reached",
	"over_sms_send_rate_limit":              "For security purposes, you can only request this after some seconds",
	"passkey_disabled":                      "Passkeys are disabled",
	"phone_exists":                          "A user with this phone number has already been registered",
	"phone_not_confirmed":                   "Phone not confirmed",
	"phone_provider_disabled":               "Phone signups are disabled",
	"provider_disabled":                     "Unsupported provider: provider is not enabled",
	"provider_email_needs_verification":     "The provider has not verified the email address: verify it there first",
	"reauthentication_needed":               "Password update requires reauthentication",
	"reauthentication_not_valid":            "Nonce has expired or is invalid",
	"refresh_token_already_used":            "Invalid Refresh Token: Already Used",
	"refresh_token_not_found":               "Invalid Refresh Token: Refresh Token Not Found",
	"same_password":                         "New password should be different from the old password",
	"session_expired":                       "Invalid Refresh Token: Session Expired",
	"session_not_found":                     "Session from session_id claim in JWT does not exist",
	"signup_disabled":                       "Signups not allowed for this instance",
	"single_identity_not_deletable":         "User must have at least 1 identity after unlinking",
	"too_many_enrolled_mfa_factors":         "Maximum number of verified factors reached, unenroll to continue",
	"too_many_passkeys":                     "Maximum number of passkeys reached, remove one to continue",
	"totp_rate_limit_exceeded":              "Too many wrong codes; try again later",
	"user_already_exists":                   "User already registered",
	"user_banned":                           "User is banned",
	"user_not_found":                        "User from sub claim in JWT does not exist",
	"user_sso_managed":                      "The user signs in through a company, which manages the password and the address",
	"webauthn_challenge_expired":            "Challenge has expired",
	"webauthn_challenge_not_found":          "Challenge not found or already used",
	"webauthn_credential_exists":            "This passkey is registered already",
	"webauthn_credential_not_found":         "Passkey not found",
	"webauthn_verification_failed":          "The answer of the authenticator is not valid",
}

// refuse makes an error of a code of the table in package web.
func refuse(code, message string) *web.Error { return web.New(code, message) }

// refusal gives the error that a document of a function tells, or nil.
func refusal(doc []byte) error {
	if !bytes.Contains(doc, []byte(`"error"`)) {
		return nil
	}
	var r struct {
		Error      string          `json:"error"`
		Message    string          `json:"message"`
		RetryAfter float64         `json:"retry_after"`
		Why        string          `json:"why"`
		Details    json.RawMessage `json:"details"`
	}
	// A user may have a field of that name, but a document that has it at its top is ours.
	if json.Unmarshal(doc, &r) != nil || r.Error == "" {
		return nil
	}
	if r.Message == "" {
		r.Message = messages[r.Error]
	}
	if r.Message == "" {
		return errors.New("a function of schema auth refuses with a code that has no message: " + r.Error)
	}
	e := refuse(r.Error, r.Message)
	if r.Why != "" { // for the log alone
		e = e.Because(errors.New(r.Why))
	}
	if r.RetryAfter > 0 {
		e.Header = http.Header{"Retry-After": {strconv.Itoa(int(r.RetryAfter + 1))}}
	}
	if r.Details != nil {
		e.Details = r.Details
	}
	return e
}

// badToken makes the refusal of an access token what clients of auth know; trouble of
// the server stays what it is.
func badToken(err error) error {
	e := web.AsError(err)
	switch {
	case errors.Is(err, token.ErrSessionEnded):
		return refuse("session_not_found", messages["session_not_found"]).Because(err)
	case e.Status >= 500:
		return err
	case e.Code == "PGRST303":
		return refuse("bad_jwt", "invalid JWT: unable to parse or verify signature, token has invalid claims: token is expired").Because(err)
	}
	return refuse("bad_jwt", "invalid JWT: unable to parse or verify signature").Because(err)
}
