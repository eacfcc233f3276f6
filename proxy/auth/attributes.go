package auth

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"github.com/fluxbase/fluxbase/proxy/auth/password"
)

// attributes are what an administrator says of a user.
type attributes struct {
	ID           *string         `json:"id"`
	Email        string          `json:"email"`
	Phone        string          `json:"phone"`
	Password     string          `json:"password"`
	PasswordHash string          `json:"password_hash"`
	EmailConfirm bool            `json:"email_confirm"`
	PhoneConfirm bool            `json:"phone_confirm"`
	UserMetadata json.RawMessage `json:"user_metadata"`
	AppMetadata  json.RawMessage `json:"app_metadata"`
	Role         string          `json:"role"`
	BanDuration  string          `json:"ban_duration"`
}

// read gives the argument of auth.create_user and auth.update_user that the body is.
func (in *attributes) read(h *Handler, c *call) ([]byte, error) {
	if err := c.read(in); err != nil {
		return nil, err
	}
	out, err := in.check()
	if err != nil {
		return nil, err
	}
	if in.Password != "" {
		if out["hash"], err = h.hashNew(c, in.Password, in.Email, in.Phone); err != nil {
			return nil, err
		}
	}
	return encode(out), nil
}

// check gives what is there as the database takes it, but for a password.
func (in *attributes) check() (out map[string]any, err error) {
	out = map[string]any{}
	if in.ID != nil {
		if !isUUID(*in.ID) {
			return nil, refuse("validation_failed", "ID must conform to the uuid v4 format")
		}
		out["id"] = *in.ID
	}
	if in.Email != "" {
		if out["email"], err = emailAddress(in.Email); err != nil {
			return nil, err
		}
	}
	if in.Phone != "" {
		if out["phone"], err = phoneNumber(in.Phone); err != nil {
			return nil, err
		}
	}
	if in.PasswordHash != "" {
		if in.Password != "" {
			return nil, refuse("validation_failed", "Only a password or a password hash should be provided")
		}
		if err := password.CheckHash(in.PasswordHash); err != nil {
			return nil, refuse("validation_failed", err.Error())
		}
		out["hash"] = in.PasswordHash
	}
	for name, raw := range map[string]json.RawMessage{"user_metadata": in.UserMetadata, "app_metadata": in.AppMetadata} {
		data, err := metadata(raw)
		if err != nil {
			return nil, refuse("validation_failed", name+" must be an object")
		}
		if data != nil {
			out[name] = json.RawMessage(data)
		}
	}
	if in.EmailConfirm {
		out["email_confirm"] = true
	}
	if in.PhoneConfirm {
		out["phone_confirm"] = true
	}
	if in.Role != "" {
		out["role"] = in.Role
	}
	if in.BanDuration != "" {
		if out["ban_duration"], err = banDuration(in.BanDuration); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// banDuration gives an interval of Postgres for a duration as Go writes it, such as
// 24h, or none.
func banDuration(s string) (string, error) {
	if s == "none" {
		return s, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return "", refuse("validation_failed", `invalid format for ban duration: give "none", or hours, minutes and seconds as in "24h" or "1h30m"`)
	}
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + " s", nil
}

// Imported gives what auth.import_users takes for one user who comes from elsewhere: an
// object of the fields of POST /admin/users but password, and created_at,
// last_sign_in_at, email_confirmed_at, phone_confirmed_at and identities, a list of
// {provider, id, identity_data}. Errors are *web.Error, and repeat nothing of a hash.
func Imported(line []byte) (json.RawMessage, error) {
	var in struct {
		attributes
		CreatedAt        *time.Time      `json:"created_at"`
		LastSignInAt     *time.Time      `json:"last_sign_in_at"`
		EmailConfirmedAt *time.Time      `json:"email_confirmed_at"`
		PhoneConfirmedAt *time.Time      `json:"phone_confirmed_at"`
		Identities       json.RawMessage `json:"identities"`
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil || d.More() {
		return nil, refuse("bad_json", "not one object of the fields that a user has").Because(err)
	}
	if in.Password != "" {
		return nil, refuse("validation_failed", "a password is not imported; give password_hash")
	}
	out, err := in.check()
	if err != nil {
		return nil, err
	}
	for name, at := range map[string]*time.Time{
		"created_at": in.CreatedAt, "last_sign_in_at": in.LastSignInAt,
		"email_confirmed_at": in.EmailConfirmedAt, "phone_confirmed_at": in.PhoneConfirmedAt,
	} {
		if at != nil {
			out[name] = at
		}
	}
	if raw := object(in.Identities); raw != nil {
		out["identities"] = json.RawMessage(raw)
	}
	return encode(out), nil
}
