package auth

import "slices"

var (
	ofProviders = []string{"provider_disabled", "provider_misconfigured", "provider_unavailable"}
	ofIdentity  = []string{
		"bad_id_token", "email_address_not_provided", "email_exists", "identity_already_exists", "insufficient_aal", "manual_linking_disabled",
		"provider_email_needs_verification", "reauthentication_needed", "signup_disabled", "unexpected_audience", "user_banned",
	}
	ofOperator = append([]string{"provider_not_found"}, ofAdmins...)
)

var (
	aboutAuthorize = about{
		"authorize", "Sign in at a provider\nWhere browsers are sent to: provider, redirect_to, scopes, code_challenge and code_challenge_method; further parameters are for the provider.",
		302, "", ofProviders,
	}
	aboutCallback = about{
		"callback", "Come back from a provider\nSends the browser on to redirect_to, with a session, a code for one, or the reason why not.",
		303, "",
		[]string{"bad_oauth_callback", "bad_oauth_state"},
	}
	aboutCallbackForm  = about{"callback_form", "Come back from a provider that has browsers post", 303, "", []string{"bad_oauth_callback"}}
	aboutAuthorizeLink = about{
		"link_identity", "Add an account elsewhere\nAs /authorize, for who is signed in; with skip_http_redirect=true the URL is in the answer.", 200, "",
		slices.Concat(ofBearer, ofProviders, []string{"insufficient_aal", "manual_linking_disabled", "reauthentication_needed"}),
	}
	aboutUnlink = about{
		"unlink_identity", "Take a way to sign in away", 200, "",
		slices.Concat(ofBearer, []string{
			"email_conflict_identity_not_deletable", "identity_not_found", "insufficient_aal", "manual_linking_disabled", "reauthentication_needed", "single_identity_not_deletable",
		}),
	}
	aboutProviders   = about{"providers", "Where else people may sign in", 200, "", ofOperator}
	aboutSetProvider = about{
		"set_provider", "Add a provider, or change it\nThe fields of auth.oauth_providers, and client_secret, which is stored sealed.", 200,
		`"client_id":` + aText + `,"client_secret":` + aText + `,"preset":` + aText + `,"issuer":` + aText + `,"enabled":{"type":"boolean"}`, ofOperator,
	}
	aboutDropProvider = about{"drop_provider", "Take a provider away", 200, "", ofOperator}
)
