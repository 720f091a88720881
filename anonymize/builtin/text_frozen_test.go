package builtin_test

import (
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/lethedb/lethe/anonymize"
	"github.com/lethedb/lethe/anonymize/masktest"
)

// fragments are what texts and values are put together from: each says something to one of the scan's
// rules, or lies just beside it.
const fragments = "Mary|mary|MARY|Smith|smith-jones|José|jose|Jose\u0301|Li|li| | | | |  |\t|\n|.|,|!|?|:|;|'|’|'s|’s|'S|\"|(|)|[|]|+|+49|(212|) 736-5000|" +
	"212.736.5000|12|123|1234|12345|10:30|3rd|5x|@|@@|a@b|mary.smith@shop.example|<mary.smith@shop.example>|www.x.y|WWW.foo|http://|https://a/b?c=1.|" +
	"://|the|The|parcel|called|don't|don’t|it's|I|a|May|Monday|Dr|Dr.|mr|Robert|kowalczyk|straße|Пётр|李小龍|\u0301|\u00a0|\u2003|\u0085|—|sk_live_4eC39|" +
	"1984|29.02.1984|/|-|_|\u212a|ſ|ﬁ|é|É|ß|x|X|5kg|12KG|7th|0th|w.|ww.|w|Springfield|pond|Pond|rose|abc123def456|１２|½|ŉ|ǅ|J.|o'neil|O’Neil|''|s'|'t|Smith's|MARY’S"

// What redact_text makes of a text is frozen, also where no example above looks.
func TestWhatIsTakenOutOfATextIsFrozen(t *testing.T) {
	all := strings.Split(fragments, "|")
	random := rand.New(rand.NewPCG(1, 2))
	text := func(most int) []byte {
		var b strings.Builder
		for range random.IntN(most) {
			b.WriteString(all[random.IntN(len(all))])
			if random.IntN(3) == 0 {
				b.WriteByte(' ')
			}
		}
		return []byte(b.String())
	}
	for unsure, want := range map[string]string{
		"redact": "eac2c41006373265",
		"keep":   "862f6f038d6caf3f",
	} {
		random = rand.New(rand.NewPCG(1, 2))
		m, sum := textMask(t, "varchar(60)", unsure), sha256.New()
		var dst []byte
		for range 5_000 {
			row := mary()
			for i := range row.Ins {
				if random.IntN(3) == 0 {
					row.Ins[i] = text(4)
				}
				if random.IntN(3) == 0 {
					row.Outs[i] = text(4)
				}
			}
			var err error
			if dst, err = m.Append(dst[:0], anonymize.Value{Text: text(16), Row: masktest.Row{Ins: row.Ins, Outs: row.Outs}}); err != nil {
				t.Fatal(err)
			}
			sum.Write(append(dst, 0))
		}
		if got := hex.EncodeToString(sum.Sum(nil)[:8]); got != want {
			t.Errorf("unsure %s: %s, want %s", unsure, got, want)
		}
	}
}
