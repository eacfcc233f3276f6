package totp

import (
	"encoding/base32"
	"encoding/xml"
	"io"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/boombuler/barcode/qr"
	"github.com/pquerna/otp/hotp"
)

// The secret of RFC 6238, appendix B.
var rfcSecret = base32.StdEncoding.EncodeToString([]byte("12345678901234567890"))

func TestCodesAreThoseOfTheRFC(t *testing.T) {
	t.Parallel()
	// The last six of its eight digits.
	for now, want := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		if got, err := hotp.GenerateCode(rfcSecret, uint64(now/30)); got != want || err != nil {
			t.Errorf("at %d: got %s, %v, want %s", now, got, err, want)
		}
		if step, ok, err := Match(rfcSecret, want, now); step != now/30 || !ok || err != nil {
			t.Errorf("at %d: %s is of step %d, %t, %v", now, want, step, ok, err)
		}
	}
}

func TestACodeFitsOneStepToEitherSide(t *testing.T) {
	t.Parallel()
	const now = 1111111109
	code, err := hotp.GenerateCode(rfcSecret, uint64(now/30))
	if err != nil {
		t.Fatal(err)
	}
	for steps := int64(-3); steps <= 3; steps++ {
		step, ok, err := Match(rfcSecret, code, now+30*steps)
		if want := -1 <= steps && steps <= 1; ok != want || err != nil || ok && step != now/30 {
			t.Errorf("%d steps later: got step %d, %t, %v, want %t", steps, step, ok, err, want)
		}
	}
	for _, wrong := range []string{"", "0", code + "0", " " + code, code[:5] + "x", strings.Repeat("0", 1000)} {
		if _, ok, err := Match(rfcSecret, wrong, now); ok || err != nil {
			t.Errorf("%q: got %t, %v", wrong, ok, err)
		}
	}
}

func TestASecretThatIsNoneNeverFits(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"", "1", "not base32!", "JBSWY3DPEHPK3PX\x00", `{"key_id":"a","alg":"aes-gcm-hkdf"}`} {
		_, ok, err := Match(secret, "000000", 59)
		if ok || err == nil {
			t.Errorf("%q: got %t, %v", secret, ok, err)
		} else if len(secret) > 3 && strings.Contains(err.Error(), secret) {
			t.Errorf("the error holds the secret: %v", err)
		}
	}
	// As other systems keep it.
	if _, ok, err := Match(strings.ToLower(rfcSecret)+"=", "287082", 59); ok || err == nil {
		t.Errorf("padding that is too long: got %t, %v", ok, err)
	}
	if _, ok, err := Match(strings.ToLower(rfcSecret), "287082", 59); !ok || err != nil {
		t.Errorf("lower case: got %t, %v", ok, err)
	}
}

func TestAKeyIsShownAsAppsReadIt(t *testing.T) {
	t.Parallel()
	secret := NewSecret()
	uri := URI(secret, "Ada & Söhne: 1", "ada+1@example.com")
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" || u.Path != "/Ada & Söhne  1:ada+1@example.com" || strings.Contains(u.RawQuery, "+") {
		t.Errorf("got %s, %v", uri, err)
	}
	q := u.Query()
	if q.Get("secret") != secret || q.Get("issuer") != "Ada & Söhne  1" || q.Get("period") != "30" || q.Get("digits") != "6" || q.Get("algorithm") != "SHA1" {
		t.Errorf("got %v", q)
	}
	if raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret); len(raw) != 20 || err != nil {
		t.Errorf("the secret %q has %d bytes: %v", secret, len(raw), err)
	}
	if NewSecret() == secret {
		t.Error("two secrets are the same")
	}

	picture, err := QR(uri)
	if err != nil {
		t.Fatal(err)
	}
	// The picture shows the modules of the code, and nothing else.
	if strings.Contains(picture, "#") {
		t.Error("a # would end the URL that the picture stands in")
	}
	for d := xml.NewDecoder(strings.NewReader(picture)); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("%v: %s", err, picture)
		}
	}
	code, err := qr.Encode(uri, qr.M, qr.Auto)
	if err != nil {
		t.Fatal(err)
	}
	drawn := map[[2]int]bool{}
	for _, m := range regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`).FindAllStringSubmatch(picture, -1) {
		x, _ := strconv.Atoi(m[1])
		y, _ := strconv.Atoi(m[2])
		n, _ := strconv.Atoi(m[3])
		for i := range n {
			drawn[[2]int{x + i - 4, y - 4}] = true
		}
	}
	for y := range code.Bounds().Dy() {
		for x := range code.Bounds().Dx() {
			r, _, _, _ := code.At(x, y).RGBA()
			if drawn[[2]int{x, y}] != (r == 0) {
				t.Fatalf("module %d,%d is drawn %t", x, y, drawn[[2]int{x, y}])
			}
		}
	}
}
