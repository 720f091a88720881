package builtin

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/builtin/dictionary"
	"github.com/lethedb/lethe/anonymize/derive"
	"github.com/lethedb/lethe/internal/catalog"
)

// realistic returns the masks that write what looks like the thing itself, beside those for names.
func realistic(words *dictionary.Library) []anonymize.Definition {
	return []anonymize.Definition{
		ipAddress(), macAddress(),
		drawn("domain_name", "replaces a domain by one below example.com", "shop.flowmart.com", len("aaaaaaaaaa.example.com"), safeHost, writeDomain),
		drawn("hostname", "replaces a host's name by one below example.com", "db7.internal.flowmart.com", len("host-aaaaaa.example.com"), safeHost, writeHost),
		drawn("url", "replaces a link by one to example.com, with the scheme that it has and a path that is drawn", "https://shop.flowmart.com/customers/mary?id=7",
			len("https://www.example.com/aaaaaaaaaaaa"), safeHost, writeURL),
		drawn("user_agent", "replaces a browser's name by that of another, from a short list", "Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0", len(userAgents()[0]), "", writeUserAgent),
		drawn("company", "replaces a company's name by one made of a surname and a form", "Flowmart Ltd", 24, "", writeCompany(words)),
		drawn("job", "replaces a job by another from a list", "Chief Executive", 20, "", writeJob),
		drawn("country_code", "replaces a country's code of two letters by another one of ISO 3166-1", "PT", 2, "", writeCountry),
		drawn("filename", "replaces a file's name and leaves its ending, where that is a usual one", "mary-smith-passport.pdf", len("aaaaaaaaaaaa.xxxx"), "", writeFilename),
		drawn("api_key", "replaces a key or token by random letters and digits of its length, behind the prefix that its issuer gives to all", "ghp_16C7e42F292c6912E7710c838347Ae178B4a", 20, "", writeSecret),
		passwordHash(), sinkEmail(), sinkURL(), lorem(words),
	}
}

const safeHost = "RFC 2606 reserves example.com"

// writer appends a value that is drawn; the original is there for masks that follow its form.
type writer func(dst []byte, d *derive.Draw, own []byte) []byte

// drawn is the contract of the masks that draw a text of at most longest characters.
func drawn(name, summary, example string, longest int, safe string, write writer) anonymize.Definition {
	d := numbered(name, summary, example, "", []numbering{{name: name, longest: longest, safe: safe, write: write, whole: true}})
	d.Group = anonymize.GroupRealistic
	return d
}

func writeDomain(dst []byte, d *derive.Draw, _ []byte) []byte {
	return append(appendSymbols(appendFrom(dst, d, lowerLetters, 1), d, 9), ".example.com"...)
}

const lowerLetters = "abcdefghijklmnopqrstuvwxyz"

func writeHost(dst []byte, d *derive.Draw, _ []byte) []byte {
	return append(appendSymbols(append(dst, "host-"...), d, 6), ".example.com"...)
}

func writeURL(dst []byte, d *derive.Draw, own []byte) []byte {
	scheme := "https"
	if bytes.HasPrefix(own, []byte("http:")) {
		scheme = "http"
	}
	dst = append(append(dst, scheme...), "://www.example.com/"...)
	return appendSymbols(dst, d, 12)
}

// userAgents are what browsers have called themselves since they stopped telling more; the longest first.
func userAgents() []string {
	return []string{
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
		"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0",
		"Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
	}
}

func writeUserAgent(dst []byte, d *derive.Draw, _ []byte) []byte {
	all := userAgents()
	return append(dst, all[d.N(uint64(len(all)))]...)
}

func writeCompany(words *dictionary.Library) writer {
	const surname = 12
	return func(dst []byte, d *derive.Draw, _ []byte) []byte {
		forms := [...]string{"Ltd", "Group", "Partners", "Trading", "Services", "Systems", "Works", "Holding"}
		names := words.LastNames()
		dst = append(dst, names.Word(int(d.N(uint64(names.Fitting(surname)))))...)
		return append(append(dst, ' '), forms[d.N(uint64(len(forms)))]...)
	}
}

func writeJob(dst []byte, d *derive.Draw, _ []byte) []byte {
	ranks := [...]string{"Junior", "Senior", "Deputy", "Chief", "Trainee", "Regional", "Assistant", "Lead"}
	jobs := [...]string{"Accountant", "Analyst", "Architect", "Buyer", "Clerk", "Consultant", "Controller", "Designer", "Editor", "Engineer",
		"Inspector", "Manager", "Mechanic", "Operator", "Planner", "Producer", "Surveyor", "Teacher", "Technician", "Translator"}
	dst = append(dst, ranks[d.N(uint64(len(ranks)))]...)
	return append(append(dst, ' '), jobs[d.N(uint64(len(jobs)))]...)
}

func writeCountry(dst []byte, d *derive.Draw, _ []byte) []byte {
	const codes = "ATAUBEBGBRCACHCLCNCOCYCZDEDKEEESFIFRGBGRHRHUIEINISITJPKELTLULVMAMTMXNLNONZPEPLPTROSESGSISKTHTRUAUSUYZA"
	i := 2 * d.N(uint64(len(codes)/2))
	return append(dst, codes[i:i+2]...)
}

func writeFilename(dst []byte, d *derive.Draw, own []byte) []byte {
	dst = appendSymbols(dst, d, 12)
	ending := "bin"
	if i := bytes.LastIndexByte(own, '.'); i >= 0 {
		for known := range strings.FieldsSeq("csv doc docx gif htm html jpeg jpg json log md mp3 mp4 odt pdf png ppt pptx rtf svg tar tif txt wav webp xls xlsx xml zip") {
			if strings.EqualFold(string(own[i+1:]), known) {
				ending = known
			}
		}
	}
	return append(append(dst, '.'), ending...)
}

// writeSecret keeps the prefix by which issuers have their keys found when they leak.
func writeSecret(dst []byte, d *derive.Draw, own []byte) []byte {
	const letters = tenDigits + lowerLetters + upperLetters
	start := len(dst)
	for prefix := range strings.FieldsSeq("sk_live_ sk_test_ pk_live_ pk_test_ rk_live_ whsec_ ghp_ gho_ ghs_ ghu_ github_pat_ glpat- xoxb- xoxp- xoxa- xoxr- AKIA ASIA SG. key- npm_ pypi-") {
		if bytes.HasPrefix(own, []byte(prefix)) {
			dst = append(dst, prefix...)
			break
		}
	}
	const usual = 20
	length := len(own)
	if length == 0 || length > longestNumber {
		length = usual
	}
	return appendFrom(dst, d, letters, max(length-(len(dst)-start), 1))
}

func ipAddress() anonymize.Definition {
	d := drawn("ip", "replaces an address of the internet by one that is reserved for documentation, of the same version", "203.0.114.7", len("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
		"RFC 5737 and RFC 3849 reserve the ranges for documentation", writeIP)
	return network(d, []string{"inet", "cidr"}, "mac")
}

// network has d stand on the server's types for its addresses too; other is the mask for the other ones.
func network(d anonymize.Definition, types []string, other string) anonymize.Definition {
	d.Accepts = []catalog.Class{catalog.ClassText, catalog.ClassNetwork}
	check := d.Check
	d.Check = func(a anonymize.Args) error {
		switch {
		case slices.Contains(types, a.Type.Base):
			return nil
		case a.Type.Class() == catalog.ClassNetwork:
			return fmt.Errorf("type %s holds no such addresses; use %s", a.Type.Name, other)
		}
		return check(a)
	}
	return d
}

// writeIP writes one of 762 addresses of version 4, or of 2^96 of version 6.
func writeIP(dst []byte, d *derive.Draw, own []byte) []byte {
	text, _, _ := bytes.Cut(own, []byte{'/'})
	if address, err := netip.ParseAddr(string(text)); err == nil && address.Is6() && !address.Is4In6() {
		raw := [16]byte{0x20, 0x01, 0x0d, 0xb8}
		d.Bytes(raw[4:])
		return netip.AddrFrom16(raw).AppendTo(dst)
	}
	blocks := [...]string{"192.0.2.", "198.51.100.", "203.0.113."}
	dst = append(dst, blocks[d.N(3)]...)
	return strconv.AppendUint(dst, 1+d.N(254), 10)
}

func macAddress() anonymize.Definition {
	d := drawn("mac", "replaces a device's address by one that no maker has", "08:00:2b:01:02:03", len("02:00:00:ff:fe:00:00:00"),
		"the bit of local administration is set (IEEE 802)", writeMAC)
	return network(d, []string{"macaddr", "macaddr8"}, "ip")
}

func writeMAC(dst []byte, d *derive.Draw, own []byte) []byte {
	const short, long = 6, 8
	n := short
	if len(own) == len("02:00:00:ff:fe:00:00:00") {
		n = long
	}
	var raw [long]byte
	d.Bytes(raw[:n])
	raw[0] = raw[0]&^3 | 2 // one device, administered locally
	for i, b := range raw[:n] {
		if i > 0 {
			dst = append(dst, ':')
		}
		dst = append(dst, hexDigits[b>>4], hexDigits[b&15])
	}
	return dst
}

func passwordHash() anonymize.Definition {
	d := dataFree("password_hash", `replaces a password's hash by that of the word "password", so that testers can log in as anybody`)
	d.Accepts = textOnly()
	d.Safe = "it opens no account but the copy's"
	d.Params = []anonymize.Param{{
		Name: "scheme", Kind: anonymize.ParamChoice, Default: "bcrypt", Choices: []string{"bcrypt", "sha256", "plain"},
		Doc: "how the copy's application hashes: bcrypt at its least cost, 64 hex digits, or the word itself",
	}}
	hash := func(a anonymize.Args) string {
		switch stringOf(a, "scheme") {
		case "sha256":
			return "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"
		case "plain":
			return "password"
		}
		return "$2a$04$fho2j.xheNhVuLtsA3UBX.rpkV8GZqFulH3SF3wXvyPEjOMdGKTM2"
	}
	return fixed(d, hash)
}

// fixed completes a data-free mask that writes one text.
func fixed(d anonymize.Definition, text func(anonymize.Args) string) anonymize.Definition {
	check := d.Check
	d.Check = func(a anonymize.Args) error {
		if check != nil {
			if err := check(a); err != nil {
				return err
			}
		}
		if utf8.RuneCountInString(text(a)) > limit(a) {
			return tooNarrow(a, "what would be written")
		}
		return nil
	}
	d.New = func(a anonymize.Args) (anonymize.Mask, error) { return fixedMask(text(a)), nil }
	return d
}

func sinkEmail() anonymize.Definition {
	d := dataFree("sink_email", "replaces every address by one that swallows mail")
	d.Accepts, d.Safe = textOnly(), safeHost+" and others, and nothing else is taken"
	d.Params = []anonymize.Param{{
		Name: "address", Kind: anonymize.ParamString, Default: "sink@example.com", Doc: "the address, at a domain that RFC 2606 or RFC 6761 reserves",
	}}
	d.Check = func(a anonymize.Args) error {
		if name, domain, found := strings.Cut(stringOf(a, "address"), "@"); !found || name == "" || !isReserved(domain) {
			return errors.New("address may be somebody's; use one at example.com or below .test, .example or .invalid")
		}
		return nil
	}
	return fixed(d, func(a anonymize.Args) string { return stringOf(a, "address") })
}

func sinkURL() anonymize.Definition {
	d := dataFree("sink_url", "replaces every link, such as that of a webhook, by one that nobody answers")
	d.Accepts, d.Safe = textOnly(), safeHost+" and others, and nothing else is taken"
	d.Params = []anonymize.Param{{
		Name: "url", Kind: anonymize.ParamString, Default: "https://sink.example.com/", Doc: "the link, to a host that RFC 2606 or RFC 6761 reserves, or to localhost",
	}}
	d.Check = func(a anonymize.Args) error {
		_, rest, found := strings.Cut(stringOf(a, "url"), "://")
		host, _, _ := strings.Cut(rest, "/")
		host, _, _ = strings.Cut(host, ":")
		if !found || host != "localhost" && !isReserved(host) {
			return errors.New("url may lead to somebody; use a host at example.com, below .test, .example or .invalid, or localhost")
		}
		return nil
	}
	return fixed(d, func(a anonymize.Args) string { return stringOf(a, "url") })
}

func lorem(words *dictionary.Library) anonymize.Definition {
	d := drawn("lorem", "replaces a text by everyday words of the same length", "Mary called about the parcel", 1, "", nil)
	d.Group, d.Cost = anonymize.GroupText, 200
	d.Discloses = append(equalityAndFrequency(), anonymize.DisclosesLength)
	d.New = func(a anonymize.Args) (anonymize.Mask, error) {
		return &loremMask{prf: derive.NewPRF(a.Key), form: canonicalOf(a.Type), words: words.CommonWords(), limit: limit(a)}, nil
	}
	return d
}

type loremMask struct {
	prf   *derive.PRF
	form  canonical
	words *dictionary.Words
	limit int
}

// Append implements anonymize.Mask. An empty text becomes a word.
func (m *loremMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	var scratch [scratchSize]byte
	d := m.prf.Draw(m.form.of(scratch[:0], v.Text))
	start, length := len(dst), utf8.RuneCount(v.Text)
	const longest = 8
	few := uint64(m.words.Fitting(longest))
	for len(dst)-start < max(length, 1) {
		if len(dst) > start {
			dst = append(dst, ' ')
		}
		dst = append(dst, m.words.Word(int(d.N(few)))...)
		if length == 0 {
			break
		}
	}
	if length > 0 {
		dst = dst[:start+length] // words are ASCII
		if dst[len(dst)-1] == ' ' {
			dst[len(dst)-1] = '.'
		}
	}
	return cutCharacters(dst, start, m.limit), nil
}
