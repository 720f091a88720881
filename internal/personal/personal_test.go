package personal

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"github.com/lethedb/lethe/internal/catalog"
)

func typed(base string) catalog.Type { return catalog.Type{Name: base, Base: base} }

// TestNamesTellTheirCategory holds names of seven languages, in every style, to what they hold.
//
//nolint:misspell // other languages' words
func TestNamesTellTheirCategory(t *testing.T) {
	for want, names := range map[Category]string{
		Email: `email Email EMAIL e_mail eMail e-mail emails email_address emailAddress EmailAddress work_email email_1
			contact_email_2 billingEmail emailaddress email_normalized email_old mail mail_address from_email adresse_mail
			courriel correo correo_electronico direccion_de_correo indirizzo_email endereco_email e_mail_adresse
			emailadres adres_email email_of_owner`,
		Phone: `phone phone_number phoneNumber phone_no phone1 phone_e164 mobile mobile_phone cell_phone cellphone
			telephone tel tel_no fax fax_number telefon telefonnummer Mobilnummer numero_de_telephone numéro_téléphone
			telefono movil celular cellulare telefone telefoonnummer telefon_komorkowy phone_home next_of_kin_phone msisdn`,
		FirstName: `first_name firstName FIRSTNAME fname given_name middle_name customer_first_name forename vorname
			prenom prénom primer_nombre voornaam imie imię name_first`,
		LastName: `last_name lastName lastname surname family_name maiden_name nachname Familienname nom_de_famille
			apellido apellidos cognome sobrenome achternaam nazwisko lname`,
		FullName: `full_name fullname customer_name contactName employee_name patient_name card_holder name_on_card next_of_kin
			cardholder_name account_holder contact_person ansprechpartner nom_complet nombre_completo nome_completo
			volledige_naam imie_i_nazwisko nombre_cliente`,
		Username: `username user_name userName login login_name nickname nick screen_name twitter_handle benutzername
			nom_utilisateur nombre_de_usuario nome_utente gebruikersnaam nazwa_uzytkownika`,
		Street: `street street_name address address1 address_2 address_line_1 addressLine2 billing_address streetAddress
			home_addr strasse straße adresse rue nom_de_rue calle direccion indirizzo rua straat adres ulica`,
		City:     `city City city_name billing_city town stadt wohnort ville ciudad città cidade woonplaats miasto`,
		Postcode: `zip zip_code zipcode zipCode postcode postal_code plz postleitzahl code_postal codigo_postal cep kod_pocztowy`,
		BirthDate: `birth_date birthdate dateOfBirth date_of_birth dob birthday geburtsdatum date_naissance
			date_de_naissance fecha_nacimiento data_di_nascita data_nascimento geboortedatum data_urodzenia born_on`,
		NationalID: `ssn social_security_number national_id nationalId passport passport_number passport_no tax_id
			driving_license drivers_licence_number pesel bsn dni cpf codice_fiscale steuer_id numero_securite_sociale`,
		Card:     `card_number cardNumber credit_card credit_card_no cc_number ccnum creditcard kreditkartennummer numero_carte tarjeta_credito`,
		IBAN:     `iban IBAN bank_account bank_account_number customer_iban kontonummer rekeningnummer cuenta_bancaria`,
		IP:       `ip ip_address ipAddress IPAddress last_login_ip ipv4 ip_v6 client_ips remote_addr adresse_ip`,
		Password: `password password_hash passwordHash passwd user_pwd encrypted_password passwort mot_de_passe mdp contraseña senha wachtwoord haslo`,
		Secret: `secret token api_key apiKey APIKey api_keys access_token refreshToken client_secret private_key
			session_token otp_secret recovery_codes cvv password_reset_token jwt`,
		FreeText: `note notes comment comments customerNotes remarks feedback bio message_body bemerkung commentaire comentarios uwagi opmerking`,
	} {
		for _, name := range strings.Fields(names) {
			if got, ok := Of(name, typed("text")); !ok || got != want {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
		}
	}
}

// TestDecoysHaveNoCategory holds that parts of words, other heads and ambiguous names are left alone.
func TestDecoysHaveNoCategory(t *testing.T) {
	decoys := strings.Fields(`public filename file_name address_type mail_template introductory email_sent_at
		phone_verified name_length address_id email_count emailed_at phone_model phonetic headphone microphone
		capacity velocity publicity city_id electricity specificity zip_file unzip gzip street_view_url
		passport_type passport_country password_changed_at password_reset_sent_at passenger_count compass bypass
		token_type token_count tokenizer tokenized secretary secret_name secretariat key primary_key cache_key
		public_key ip_country zipper equip shipping ship_method tip recipient trip ssn_verified last_login_at
		last_login failed_login username_changed notebook note_type notice denote commented comment_count
		error_message log_message mac_address wallet_address contract_address server_address product_name
		company_name table_name host_name name display_name code code_type body description title status
		card card_type card_last4 credit_card_brand loyalty_card_number sim_card_number gift_card_number
		scorecard business_card account_number iban_valid dobby birth_place birth_year has_email is_phone
		send_email require_password email_domain email_verified email_template email_status phone_type
		phone_country_code number_of_emails cityscape mobile_app_version faxed sin nirvana dnipro cover_letter
		place_holder release_notes voice_mail page_token image_url created_at id user_id "" _ 42 first last`)
	if len(decoys) < 100 {
		t.Fatalf("only %d decoys", len(decoys))
	}
	for _, name := range decoys {
		if got, ok := Of(strings.Trim(name, `"`), typed("text")); ok {
			t.Errorf("%s: got %q, want none", name, got)
		}
	}
}

// TestTypesGuardNames holds that a name alone does not do where its type cannot hold what it says.
func TestTypesGuardNames(t *testing.T) {
	for _, test := range []struct {
		name string
		t    catalog.Type
		want Category
	}{
		{"email", typed("int4"), ""},
		{"email", typed("bool"), ""},
		{"email", typed("jsonb"), ""},
		{"email", typed("citext"), Email},
		{"emails", typed("text[]"), Email},
		{"emails", typed("int4[]"), ""},
		{"email", catalog.Type{Base: "varchar", MaxLength: 1}, ""},
		{"email", catalog.Type{Base: "varchar", MaxLength: 60}, Email},
		{"email", catalog.Type{Base: "text", Domain: "mail_address"}, Email},
		{"email", catalog.Type{Base: "kind", Enum: []string{"a"}}, ""},
		{"address", catalog.Type{Base: "address", Composite: true}, ""},
		{"phone", typed("int4"), ""},
		{"phone", typed("int8"), Phone},
		{"phone", typed("numeric"), Phone},
		{"phone", typed("float8"), ""},
		{"credit_card", typed("bool"), ""},
		{"card_number", typed("int8"), Card},
		{"passport", typed("bytea"), ""},
		{"tax_id", typed("int8"), ""},
		{"tax_id", typed("varchar"), NationalID},
		{"national_id", typed("int8"), NationalID},
		{"zip", typed("int4"), Postcode},
		{"zip", typed("bytea"), ""},
		{"birth_date", typed("date"), BirthDate},
		{"birth_date", typed("timestamptz"), BirthDate},
		{"birthday", typed("bool"), ""},
		{"ip", typed("inet"), IP},
		{"ip", typed("macaddr"), ""},
		{"password", typed("bytea"), Password},
		{"token", typed("uuid"), Secret},
		{"token", typed("int8"), ""},
		{"city", typed("int4"), ""},
		{"mobile", typed("bool"), ""},
		{"comment", typed("timestamptz"), ""},
		{"note", typed("numeric"), ""},
		{"login", typed("timestamptz"), ""},
	} {
		got, ok := Of(test.name, test.t)
		if got != test.want || ok != (test.want != "") {
			t.Errorf("%s %v: got %q, %t, want %q", test.name, test.t, got, ok, test.want)
		}
	}
}

// TestEveryPhraseIsReached holds that nothing in the vocabulary is hidden behind a spelling, stands under
// two categories, or is written in a way that no name comes to.
func TestEveryPhraseIsReached(t *testing.T) {
	seen := map[string]Category{}
	for category, lines := range phrases() {
		for _, phrase := range list(lines) {
			if other, twice := seen[phrase]; twice {
				t.Errorf("%q stands for %s and %s", phrase, other, category)
			}
			seen[phrase] = category
			if got, _ := Of(phrase, typed("text")); got != category {
				t.Errorf("%q: got %q, want %q", phrase, got, category)
			}
			if fold([]rune(phrase)) != phrase {
				t.Errorf("%q is not written as names are read", phrase)
			}
		}
	}
	for _, category := range Categories() {
		if phrases()[category] == "" {
			t.Errorf("no name is of category %s", category)
		}
	}
	if len(phrases()) != len(Categories()) || !slices.IsSorted(Categories()) {
		t.Error("Categories does not list them all in order")
	}
	for _, line := range list(spellings) {
		written, canonical, ok := strings.Cut(line, "=")
		if !ok || strings.TrimSpace(written) == "" || strings.TrimSpace(canonical) == "" {
			t.Errorf("%q is no spelling", line)
		}
		for _, word := range strings.Fields(written) {
			if got := strings.Join(split(word), " "); got != strings.TrimSpace(canonical) {
				t.Errorf("%q is read as %q, want %q", word, got, canonical)
			}
		}
	}
}

// TestStyleDoesNotMatter holds that snake, camel, Pascal, kebab, capitals and spaces name the same thing.
func TestStyleDoesNotMatter(t *testing.T) {
	var pool []string
	for phrase := range vocabulary().phrases {
		for _, word := range strings.Fields(phrase) {
			if len(word) > 1 { // a single letter before a capital cannot be told from an abbreviation
				pool = append(pool, word)
			}
		}
	}
	slices.Sort(pool)
	word := rapid.OneOf(rapid.SampledFrom(pool), rapid.StringMatching(`[a-z]{2,8}`))
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(word, 1, 5).Draw(t, "words")
		camel, pascal := words[0], ""
		for i, w := range words {
			title := strings.ToUpper(w[:1]) + w[1:]
			if pascal += title; i > 0 {
				camel += title
			}
		}
		snake := strings.Join(words, "_")
		want, _ := Of(snake, typed("text"))
		for _, name := range []string{
			camel, pascal, strings.Join(words, "-"), strings.Join(words, " "), strings.ToUpper(snake),
			strings.Join(words, "__") + "_", snake + "_2", strings.Join(words, "1"),
		} {
			if got, _ := Of(name, typed("text")); got != want {
				t.Fatalf("%s: got %q, want %q as for %s", name, got, want, snake)
			}
		}
	})
}

// TestHeadsDecide holds that no word but those the vocabulary has can end a name of a category.
func TestHeadsDecide(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]string{"email", "phone_number", "first_name", "iban", "password"}).Draw(t, "name")
		head := rapid.StringMatching(`[b-df-hj-np-tv-z]{6,9}`).Draw(t, "head") // no word: it has no vowel
		if got, ok := Of(name+"_"+head, typed("text")); ok {
			t.Fatalf("%s_%s: got %q, want none", name, head, got)
		}
		if got, ok := Of(head+"_"+name, typed("text")); !ok {
			t.Fatalf("%s_%s: got %q, want that of %s", head, name, got, name)
		}
	})
}

// FuzzOf holds that no name panics, and that what is found is a category there is.
func FuzzOf(f *testing.F) {
	for _, seed := range []string{"email", "IDs", "ÄÖ_ß", "e\u0301mail", "\xff\xfe", "_de_", "of_of", "a.b", "İp", ""} {
		f.Add(seed, "text")
	}
	f.Add("emails", "[]")
	all := Categories()
	f.Fuzz(func(t *testing.T, name, base string) {
		got, ok := Of(name, typed(base))
		if ok != slices.Contains(all, got) {
			t.Errorf("got %q, %t", got, ok)
		}
		again, _ := Of(name, typed(base))
		if again != got {
			t.Errorf("got %q, then %q", got, again)
		}
		for _, word := range cut(name) {
			if strings.ContainsFunc(word, unicode.IsDigit) || word == "" {
				t.Errorf("%q is no word", word)
			}
		}
	})
}
