package builtin

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lethedb/lethe/anonymize"
)

// The parts of an address that url_parts decides about. Those of the query are named by their parameter.
const (
	partHost     = "host"
	partPath     = "path"
	partFragment = "fragment"
	queryPrefix  = "query."
	anyQuery     = queryPrefix + anyName
)

func urlParts() anonymize.Definition {
	d := through("url_parts", "masks the parts of a web address: host, path, fragment and the query's parameters; scheme and port stay, names and passwords before the host are taken out")
	d.Group, d.Reads, d.Cost = anonymize.GroupStructured, anonymize.ReadsValue, 1_500
	d.Accepts = textOnly()
	d.Params = []anonymize.Param{
		{
			Name: "parts", Kind: anonymize.ParamPaths, Required: true,
			Doc: "a mask or a reason to keep for host, path, fragment, and query.NAME for a parameter of the query, query.* for any other",
		},
		{
			Name: "unknown", Kind: anonymize.ParamChoice, Default: "refuse", Choices: []string{"refuse", "redact"},
			Doc: "what becomes of a part that nothing decides, and of what is no address: refuse fails the run, redact takes the part out, and writes https://www.example.com/ for what is no address",
		},
	}
	d.Example = anonymize.Example{Input: "https://shop.flowmart.com/offers?utm_source=mail&user=mary", Params: map[string]any{
		"parts": []anonymize.PathMask{
			{Path: partHost, Mask: fixedMask("www.example.com")}, {Path: partPath, Keep: true},
			{Path: "query.utm_source", Keep: true}, {Path: anyQuery, Mask: fixedMask("x")},
		},
	}}
	d.Check = func(a anonymize.Args) error {
		if limit(a) < len(noAddress) {
			return tooNarrow(a, noAddress)
		}
		for _, entry := range masksOf(a, "parts") {
			query, isQuery := strings.CutPrefix(entry.Path, queryPrefix)
			switch {
			case !slices.Contains([]string{partHost, partPath, partFragment}, entry.Path) && (!isQuery || query == ""):
				return fmt.Errorf("there is no part %q; the parts are host, path, fragment, query.NAME and query.*", entry.Path)
			case entry.Path == anyQuery && entry.Keep:
				return errors.New("query.* would keep parameters that nobody looked at; name those that are kept")
			}
		}
		return nil
	}
	d.New = func(a anonymize.Args) (anonymize.Mask, error) {
		m := &urlMask{parts: map[string]anonymize.PathMask{}, refuse: stringOf(a, "unknown") != "redact", limit: limit(a)}
		for _, entry := range masksOf(a, "parts") {
			m.parts[entry.Path] = entry
		}
		return m, whole(masksOf(a, "parts"))
	}
	return d
}

// noAddress stands for what is no address.
const noAddress = "https://www.example.com/"

type urlMask struct {
	parts  map[string]anonymize.PathMask
	refuse bool
	limit  int
}

var (
	errNoAddress   = errors.New("mask a web address: the value is none; set unknown: redact to write another for such ones")
	errAddressPart = errors.New("mask a web address: it has a part that nothing decides; add it under parts, or set unknown: redact")
	errAddressLong = errors.New("mask a web address: with its parts masked it is longer than the column; choose masks that write less, or the mask url")
)

// Append implements anonymize.Mask.
func (m *urlMask) Append(dst []byte, v anonymize.Value) ([]byte, error) {
	u, err := url.Parse(strings.TrimSpace(string(v.Text)))
	if err != nil || u.Opaque != "" || u.Host == "" && u.Path == "" {
		if m.refuse {
			return nil, errNoAddress // the parser's own words quote the value
		}
		return append(dst, noAddress...), nil
	}
	masked := url.URL{Scheme: u.Scheme}
	host, err := m.part(partHost, u.Hostname(), v.Row)
	if err != nil {
		return nil, err
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]" // an IPv6 address
	}
	if masked.Host = host; u.Port() != "" && host != "" {
		masked.Host += ":" + u.Port()
	}
	if u.Path != "" && u.Path != "/" {
		if masked.Path, err = m.part(partPath, u.Path, v.Row); err != nil {
			return nil, err
		}
	}
	if masked.Host != "" && !strings.HasPrefix(masked.Path, "/") && (u.Path != "" || masked.Path != "") {
		masked.Path = "/" + masked.Path
	}
	if masked.Fragment, err = m.part(partFragment, u.Fragment, v.Row); err != nil {
		return nil, err
	}
	if masked.RawQuery, err = m.query(u.RawQuery, v.Row); err != nil {
		return nil, err
	}
	out := masked.String()
	if utf8.RuneCountInString(out) > m.limit {
		return nil, errAddressLong
	}
	return append(dst, out...), nil
}

// part returns what becomes of a part; one that is not there stays so.
func (m *urlMask) part(name, value string, row anonymize.Row) (string, error) {
	if value == "" {
		return "", nil
	}
	entry, decided := m.parts[name]
	if !decided && strings.HasPrefix(name, queryPrefix) {
		entry, decided = m.parts[anyQuery]
	}
	if !decided {
		if m.refuse {
			return "", errAddressPart
		}
		return "", nil
	}
	out, err := inner([]byte{}, entry, anonymize.Value{Text: []byte(value), Row: row})
	return string(out), err
}

// query masks the parameters of a query in their order. One that is undecided is taken out with its name.
func (m *urlMask) query(raw string, row anonymize.Row) (string, error) {
	var kept []string
	for _, pair := range strings.Split(raw, "&") {
		if pair == "" {
			continue
		}
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(rawName)
		value, valueErr := url.QueryUnescape(rawValue)
		if err != nil || valueErr != nil {
			if m.refuse {
				return "", errNoAddress
			}
			continue
		}
		_, named := m.parts[queryPrefix+name]
		if !named {
			if m.refuse && m.parts[anyQuery].Mask == nil {
				return "", errAddressPart
			}
			if m.parts[anyQuery].Mask == nil {
				continue
			}
		}
		masked, err := m.part(queryPrefix+name, value, row)
		if err != nil {
			return "", err
		}
		kept = append(kept, url.QueryEscape(name)+"="+url.QueryEscape(masked))
	}
	return strings.Join(kept, "&"), nil
}
