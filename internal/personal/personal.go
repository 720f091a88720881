// Package personal says which columns hold personal data, and of what category.
//
// It reads the name of a column and its type and nothing else: no value, no comment, no neighbour. A
// name that says too little, such as "name", "code", "body" or "account_number", is therefore of no
// category, and so is a column whose name says something else than what it holds. What is found is a
// hint that somebody may act on; what is not found is no proof of anything. Names are wrongly left out
// sooner than wrongly taken in, because the rules refuse a column that nothing decides. A detector that
// samples values is to come, and will ask this package about names.
//
// A name is cut into words (snake, camel, kebab, digits), each in its singular and without accents, and
// matched word by word, never by parts of words. The last word that carries meaning decides, as it does
// in English and German: "email_sent_at", "phone_verified" and "address_id" are of no category. Where a
// language puts the head first, whole phrases and the words between ("numero_de_telefono") are known.
// The languages are English and, for common names, German, French, Spanish, Italian, Portuguese, Dutch
// and Polish.
package personal

import (
	"slices"
	"strings"

	"github.com/lethedb/lethe/internal/catalog"
)

// Category is a kind of personal data. Its text is what rules write after "category:" and never changes.
type Category string

// The categories.
const (
	Email      Category = "email"
	Phone      Category = "phone"      // of any line, fax included
	FirstName  Category = "first_name" // given and middle names
	LastName   Category = "last_name"  // family and maiden names
	FullName   Category = "full_name"  // a person's name in one column
	Username   Category = "username"   // what a person logs in or is seen by: login, nickname
	Street     Category = "street"     // a postal address or a line of it
	City       Category = "city"
	Postcode   Category = "postcode"
	BirthDate  Category = "birth_date"
	NationalID Category = "national_id" // numbers that a state gives a person, passports and licences included
	Card       Category = "card"        // the number of a payment card
	IBAN       Category = "iban"        // a bank account, in whichever notation
	IP         Category = "ip"
	Password   Category = "password"  // plain or hashed
	Secret     Category = "secret"    // tokens, API keys, one-time codes, card verification codes
	FreeText   Category = "free_text" // notes and comments, in which anything may stand
)

// Categories returns all categories in the order of their names. The caller owns the slice.
func Categories() []Category {
	all := []Category{
		Email, Phone, FirstName, LastName, FullName, Username, Street, City, Postcode, BirthDate, NationalID,
		Card, IBAN, IP, Password, Secret, FreeText,
	}
	slices.Sort(all)
	return all
}

// shortest is the fewest characters that any value of a category needs: columns of up to three hold flags
// and codes, such as a "has_fax" of "Y" and "N".
const shortest = 4

// Of returns the category of a column of this name and type, false when it has none that the two tell.
// An array counts as its element. It never fails and is safe for concurrent use.
func Of(column string, t catalog.Type) (Category, bool) {
	e, ok := find(split(column))
	if !ok || !holds(e, t) {
		return "", false
	}
	return e.category, true
}

// holds reports whether a column of type t can hold what e names.
func holds(e entry, t catalog.Type) bool {
	t.Base = strings.TrimSuffix(t.Base, "[]")
	if t.Composite {
		return false
	}
	class := t.Class()
	if class == catalog.ClassText {
		return t.MaxLength == 0 || t.MaxLength >= shortest
	}
	if e.textOnly {
		return false
	}
	switch e.category {
	case Phone, Card, NationalID:
		// Nine digits and more do not fit int4, and an int4 of such a name counts or refers to something.
		return t.Base == "int8" || t.Base == "numeric"
	case Postcode:
		return class == catalog.ClassInteger || t.Base == "numeric"
	case BirthDate:
		return class == catalog.ClassDate || class == catalog.ClassTimestamp
	case IP:
		return t.Base == "inet" || t.Base == "cidr"
	case Password:
		return class == catalog.ClassBytes
	case Secret:
		return class == catalog.ClassBytes || class == catalog.ClassUUID
	case Email, FirstName, LastName, FullName, Username, Street, City, IBAN, FreeText:
	}
	return false
}

// find returns what the words of a name stand for.
func find(words []string) (entry, bool) {
	v := vocabulary()
	if len(words) == 0 || v.asks[words[0]] {
		return entry{}, false
	}
	for {
		// What follows a joining word only describes ("email_of_owner"), unless a phrase spans it.
		plain, last := make([]string, 0, len(words)), -1
		cut := len(words)
		for i, word := range words {
			if v.joins[word] && i > 0 && i < len(words)-1 {
				last, cut = len(plain), i
				continue
			}
			plain = append(plain, word)
		}
		if e, ok := v.suffix(plain, last); ok {
			return e, true
		}
		if last < 0 {
			return entry{}, false
		}
		words = words[:cut]
	}
}

// suffix returns the longest phrase that ends words, which must begin before the index before unless that
// is negative. Words at the end that only tell one of several apart ("email_old") do not count.
func (v *words) suffix(words []string, before int) (entry, bool) {
	for end := len(words); end > 0; end-- {
		for start := max(0, end-v.longest); start < end; start++ {
			if before >= 0 && start >= before {
				break
			}
			e, known := v.phrases[strings.Join(words[start:end], " ")]
			if !known {
				continue
			}
			if start > 0 && slices.Contains(e.not, words[start-1]) {
				return entry{}, false
			}
			return e, true
		}
		if !v.tells[words[end-1]] {
			return entry{}, false
		}
	}
	return entry{}, false
}
