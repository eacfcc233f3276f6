package seal

// Column holds sealed values, or null.
type Column struct {
	// Table with its schema, and Name: those of Place.
	Table, Name string
	// Key is the primary key of the table, a single column, and Type its type.
	Key, Type string
	// Imported says that a secret in plaintext is no mistake, because imports bring such:
	// fluxbase keys rotate seals them.
	Imported bool
}

// Columns are all that hold sealed values. fluxbase keys rotate goes through them, so that
// a key that is left out of FLUXBASE_ENCRYPTION_KEY after that is not missed.
var Columns = []Column{
	{Table: "auth.mails", Name: "secrets", Key: "id", Type: "uuid"},
	{Table: "auth.hook_secrets", Name: "sealed", Key: "id", Type: "uuid"},
	{Table: "jobs.handler_secrets", Name: "sealed", Key: "id", Type: "uuid"},
	{Table: "functions.secrets", Name: "sealed", Key: "name", Type: "text"},
	{Table: "auth.signing_keys", Name: "private_sealed", Key: "kid", Type: "text"},
	{Table: "auth.oauth_providers", Name: "client_secret_sealed", Key: "name", Type: "text"},
	{Table: "auth.oauth_states", Name: "verifier_sealed", Key: "state_hash", Type: "bytea"},
	{Table: "auth.flow_state", Name: "provider_access_token", Key: "id", Type: "uuid", Imported: true},
	{Table: "auth.flow_state", Name: "provider_refresh_token", Key: "id", Type: "uuid", Imported: true},
	{Table: "auth.mfa_factors", Name: "secret", Key: "id", Type: "uuid", Imported: true},
}
