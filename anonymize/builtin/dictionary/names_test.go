package dictionary

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// frozenNames are the digests of released lists of names, by locale: female, male, last.
func frozenNames() map[string]string {
	return map[string]string{
		"de/female.txt":    "4320bf0e2560dc0845bbc81e8d82777f6ab75699e6b2cfb650b8175fd09e8309",
		"de/last.txt":      "d8512db1dddbfc868eb9a494bda44f72e931b68b75e3a2a211b603a5974eee0b",
		"de/male.txt":      "7599569a86666b8bc2d884812a4320d30e27558d0d2460c34e6cd61a207aee85",
		"en/female.txt":    "b9244225a701857c461b89a97add5f987dfed53596c33581d8535c701724825c",
		"en/male.txt":      "783a04fb2df3a7db460a1a2d9ca16670f6af4ab035fa5d4111f0b9d31329f334",
		"es/female.txt":    "4ccaa8950ec16060acf813483a590c4bbba2df3abc6303919df8513daa01d185",
		"es/last.txt":      "682c6677830afbd56f63b0f6a0a408a2e672aae85b228514ec0b02bb9407c8bb",
		"es/male.txt":      "ecba5c5d5ac978e68a65a861cc063d47483eadf971cf99c895dd4961e2487d6e",
		"fr/female.txt":    "5c300ed7199abae2ff4ea6d21a77f09ba3711d2a8f59a306344d0e7aa53f990b",
		"fr/last.txt":      "ef0ed0a713bfdd89ca88aa332abfcf043e010171376388afb1b050b7544256d8",
		"fr/male.txt":      "7598dfcd239f73bf2cf990e7da2f8c0cf23b8a7f61ed9a4db6882e12833bdd7e",
		"hi/female.txt":    "0a6fb1df29027b68a675ca162c11ebf47da860961a754a895b0f5146eb111272",
		"hi/last.txt":      "f4dadad760ab08a99bbf3710b32428eef6e92f13d96fba4d49c682b5cccb967f",
		"hi/male.txt":      "5955a91906ecd479a2b7a312fa64f4fe986343fa3270aec206b9d94f05b71eb7",
		"it/female.txt":    "b49080e6182a0decf3c05187d489938b9e677c75672995dec222464e255cf0f7",
		"it/last.txt":      "3217f72d0511a3aeffa9f939ea66e15ca8733561ef532b5ef940fb16d02a80d7",
		"it/male.txt":      "82442eaa154bb07f7c25e2b6c3c32b73998f80bd616071507038c000cac11a27",
		"nl/female.txt":    "9008aa143ffa549ea5b0e70637454e8dc4bda64e11ccfdefd3d0ee755b2ccad3",
		"nl/last.txt":      "7a94846d329ae8471379bb54e5b55154f5e8c2ecac97ee6412d06eb9990526e0",
		"nl/male.txt":      "d7f2a746c743baea9b8f63caa213ae1af6882cefea137fbbeafd684b40453166",
		"pl/female.txt":    "e264c3c7101c56840f02c0a6ee84196bf97494ed1aa08b5604e5c53ad4761f14",
		"pl/last.txt":      "65fcfdd11d1fe88b7e8289f896190fc17f28d3e9811f0ff64e244545e5d71f19",
		"pl/male.txt":      "4b0eaa8ce67871abc8735f53d6e86fe51cff20f2fe0012f203c12300a8e3cae0",
		"pt_br/female.txt": "ab607d0fa037454ede717fbefc2055f622c0b9dacaa0eb366060064173619c34",
		"pt_br/last.txt":   "c83ce4046620fe79659248f59d7f73c07b8345d411b44007c4fe9774845fb1a5",
		"pt_br/male.txt":   "2e4e6424885a49d366c30661789fc70d2b399957fd395eb566d6efe890921742",
		"sv/female.txt":    "cb75f1932b1514e2497f87665bb58c3f5db12cfe11e9c5f53fc717b78e9e25a6",
		"sv/last.txt":      "f371b6d977babd4929f62ee47656f1faab379abca5883d78ce30889614d9f80e",
		"sv/male.txt":      "8e2cf7a3d83d671e3a5078d42130a0c608cc9d71534a50ae8f2037a6e8c5e57e",
	}
}

func TestReleasedNamesNeverChange(t *testing.T) {
	want := frozenNames()
	word := regexp.MustCompile(`\A[A-Z][a-z]+([A-Z][a-z]+)?\z`)
	found, err := fs.Glob(files, NamesVersion+"/*/*.txt")
	if err != nil || len(found) != len(want) {
		t.Fatalf("%d files, want %d: %v", len(found), len(want), err)
	}
	for _, file := range found {
		text, err := files.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(text)
		name := path.Join(path.Base(path.Dir(file)), path.Base(file))
		if got := hex.EncodeToString(sum[:]); got != want[name] {
			t.Errorf("%s has digest %s, released was %s: add a new version, leave this one", name, got, want[name])
		}
		lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
		if !slices.IsSorted(lines) || len(slices.Compact(slices.Clone(lines))) != len(lines) {
			t.Errorf("%s is not sorted, or repeats a name", name)
		}
		for _, line := range lines {
			if !word.MatchString(line) {
				t.Errorf("%s: %q is not one word with a capital", name, line)
			}
		}
	}
}

func TestEveryLocaleHasNamesToHideIn(t *testing.T) {
	library := NewLibrary()
	for _, locale := range Locales() {
		female, male, all, last := library.GivenNames(locale, Female), library.GivenNames(locale, Male), library.GivenNames(locale, AnyGender), library.Surnames(locale)
		counts := fmt.Sprintf("%s: %d female, %d male, %d in all, %d surnames", locale, female.Len(), male.Len(), all.Len(), last.Len())
		t.Log(counts)
		if female.Len() < 150 || male.Len() < 150 || all.Len() < 300 || last.Len() < 350 {
			t.Error(counts)
		}
		for _, half := range []*Words{female, male} {
			for i := range half.Len() {
				if !all.Has([]byte(strings.ToLower(half.Word(i)))) {
					t.Errorf("%s: %s is a name of one gender and not of any", locale, half.Word(i))
				}
			}
		}
	}
}
