package personal

import (
	"strings"
	"sync"
)

// entry is what a phrase stands for.
type entry struct {
	category Category
	// textOnly refuses every type but text: as a number, "tax_id" refers to a row.
	textOnly bool
	// not are the words before the phrase that make something else of it: "mac_address".
	not []string
}

// words is the vocabulary in the form that names are looked up in. It is never changed once made.
type words struct {
	phrases map[string]entry
	// longest is the number of words of the longest phrase.
	longest int
	// spelled gives other spellings and words written together.
	spelled map[string][]string
	// known are the words that stand anywhere in the vocabulary.
	known map[string]bool
	// asks are first words of a question or a setting, joins stand between a head and what describes it,
	// tells at the end of a name tell one of several apart.
	asks, joins, tells map[string]bool
}

// vocabulary returns the words; they are made once, at the first call.
var vocabulary = sync.OnceValue(newWords)

func newWords() *words {
	v := &words{
		phrases: map[string]entry{}, spelled: map[string][]string{}, known: map[string]bool{},
		asks: set(asking), joins: set(joining), tells: set(telling),
	}
	for _, line := range list(spellings) {
		written, canonical, _ := strings.Cut(line, "=")
		for _, word := range strings.Fields(written) {
			v.spelled[word] = strings.Fields(canonical)
		}
	}
	for category, lines := range phrases() {
		for _, phrase := range list(lines) {
			v.add(category, phrase)
		}
	}
	for _, person := range strings.Fields(persons) {
		v.add(FullName, person+" name")
	}
	for _, some := range []map[string]bool{v.asks, v.joins, v.tells} {
		for word := range some {
			v.known[word] = true
		}
	}
	return v
}

// add takes a phrase in, spelled as split spells names.
func (v *words) add(category Category, phrase string) {
	var parts []string
	for _, word := range strings.Fields(phrase) {
		if spelled, ok := v.spelled[word]; ok {
			parts = append(parts, spelled...)
		} else {
			parts = append(parts, word)
		}
	}
	phrase = strings.Join(parts, " ")
	v.longest = max(v.longest, len(parts))
	v.phrases[phrase] = entry{category: category, not: strings.Fields(exceptions(phrase)), textOnly: phrase == "tax id"}
	for _, part := range parts {
		v.known[part] = true
	}
}

func set(text string) map[string]bool {
	out := map[string]bool{}
	for _, word := range strings.Fields(text) {
		out[word] = true
	}
	return out
}

// list returns the entries of a text that commas and line ends separate.
func list(text string) []string {
	var out []string
	for _, line := range strings.FieldsFunc(text, func(c rune) bool { return c == ',' || c == '\n' }) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}

// Words that make a name no datum: questions and settings at its beginning.
const asking = `is has have had can should may must allow use enable require send show hide need want
	receive accept verify validate check count total max min with without skip ignore`

// Words after which only a description follows.
const joining = `of for de du des del della di da do dos das pour para per por`

// Words at the end that tell one of several apart.
const telling = `raw normalized normalised canonical lower lowercase old new previous prev current original
	primary secondary alternative alternate alt backup home work private personal business office value
	encrypted plain plaintext cleartext ciphertext enc privat cliente klienta contacto contatto contato
	kontakt usuario utente utilisateur`

// Whom a name before "name" makes the name of a person.
const persons = `customer client contact employee patient person member guest owner author student teacher
	recipient sender payer payee beneficiary applicant holder cardholder subscriber buyer manager spouse
	father mother guardian doctor physician passenger candidate signatory addressee consignee claimant
	insured debtor donor resident billing kunden empfaenger empfanger cliente klienta`

// Other spellings, and words that are written together.
//
//nolint:misspell // other languages' words, and people's mistakes
const spellings = `
	no nr num nbr nummer numero numer = number
	addr addres adress = address
	licence = license, driver = driving
	tel telephone telefon telefono telefone telefoon fon phoneno phonenr = phone
	phonenumber telefonnummer telefoonnummer telephonenumber telnr telefonnr = phone number
	mobilephone mobiltelefon = mobile phone, mobilenumber mobilnummer handynummer = mobile number
	cellphone = cell phone, cellnumber = cell number, faxnumber faxnummer faxnr = fax number
	emailaddress emailadresse emailadres emailadressen emailaddr emailadress = email address
	mailaddress mailadresse mailadres = mail address
	firstname firstnm = first name, lastname = last name, fullname = full name, middlename = middle name
	givenname = given name, familyname = family name, maidenname = maiden name, realname = real name
	customername kundenname klantnaam = customer name, contactname kontaktname = contact name
	loginname = login name, screenname = screen name, nickname = nick name
	streetaddress = street address, streetname strassenname straatnaam = street name
	homeaddress = home address, billingaddress = billing address, shippingaddress = shipping address
	addressline = address line
	zipcode = zip code, postalcode = postal code, pwdhash passwordhash = password hash
	birthdate = birth date, dateofbirth = date birth
	socialsecuritynumber = social security number, nationalid = national id, passportnumber passportno = passport number
	creditcard = credit card, creditcardnumber creditcardno creditcardnummer kreditkartennummer = credit card number
	cardnumber cardno kartennummer = card number, ccnum ccnumber = cc number, kreditkarte = credit card
	ipaddress ipaddr ipadresse ipadres = ip address, ipv = ip, remoteaddr = remote address
	apikey = api key, apitoken = api token, apisecret = api secret, accesstoken = access token
	authtoken = auth token, refreshtoken = refresh token, sessiontoken = session token
	privatekey = private key, secretkey = secret key, accesskey = access key
`

// exceptions returns the words before phrase that make something else of it.
func exceptions(phrase string) string {
	switch phrase {
	case "address", "adresse", "direccion", "indirizzo", "endereco":
		return `mac wallet contract memory bind listen server host web url site bitcoin btc eth ethereum crypto
			device register bus hardware network physical bluetooth email mail ip`
	case "mail", "mail address":
		return "direct junk spam voice snail"
	case "login":
		return "last first failed next previous social"
	case "card number":
		return "loyalty library gift sim member membership fuel punch access graphics business"
	case "message":
		return `error log commit status exception system template default welcome alert warning success failure
			debug validation help response notification`
	case "note":
		return "release patch credit delivery debit promissory tasting musical"
	case "comment":
		return "code column table schema"
	case "token":
		return "page continuation design"
	}
	return ""
}

// phrases returns what stands for each category, in singular and without accents.
//
//nolint:misspell // other languages' words
func phrases() map[Category]string {
	return map[Category]string{
		Email: `email, e mail, email address, e mail address, mail, mail address, email to, email from, next kin email, mail to, mail from,
			email adresse, adresse email, adresse mail, adresse electronique, e mail adresse, mail adresse, courriel,
			correo, correo electronico, direccion email, direccion correo, direccion correo electronico,
			indirizzo email, indirizzo mail, indirizzo e mail, posta elettronica, indirizzo posta elettronica,
			endereco email, correio eletronico, e mailadres, e mailadresse, adres email, adres e mail, adres mail,
			poczta elektroniczna`,
		Phone: `phone, phone number, number phone, phone e, mobile, mobile phone, mobile number, phone mobile, cell phone,
			cell number, fax, fax number, telefax, msisdn, mobil, rufnummer, number fax, movil, number movil,
			celular, number celular, cellulare, number cellulare, phone portable, number portable, telemovel,
			phone komorkowy, phone movil, phone celular, next kin phone, mobiel, number mobile, whatsapp, whatsapp number`,
		FirstName: `first name, given name, forename, fname, middle name, christian name, name first, name given,
			vorname, rufname, prenom, primer nombre, segundo nombre, nombre pila, nome proprio, primeiro nome,
			prenome, voornaam, imie, drugie imie`,
		LastName: `last name, surname, family name, lname, maiden name, name last, name family, nachname, familienname,
			zuname, geburtsname, nom famille, nom naissance, nom jeune fille, apellido, primer apellido,
			segundo apellido, apellido paterno, apellido materno, cognome, sobrenome, apelido, ultimo nome, achternaam,
			familienaam, nazwisko, nazwisko panienskie`,
		FullName: `full name, real name, complete name, contact person, cardholder, card holder, account holder,
			next kin, next kin name, name on card, ansprechpartner, ansprechpartnerin, kontoinhaber, karteninhaber, vollstaendiger name,
			nom complet, nom client, nom prenom, prenom nom, nom et prenom, titulaire compte, nombre completo, nombre cliente,
			nombre apellido, nombre y apellido, nome completo, nome cliente, nome cognome, intestatario,
			volledige naam, contactpersoon, imie nazwisko, imie i nazwisko, nazwisko imie, name vorname, vorname nachname`,
		Username: `username, user name, login, login name, nick, nick name, screen name, user login, user handle,
			twitter handle, instagram handle, github handle, social handle, twitter username, benutzername,
			anmeldename, nutzername, spitzname, nom utilisateur, pseudo, pseudonyme, identifiant, nombre usuario, apodo,
			nome utente, nome usuario, gebruikersnaam, bijnaam, nazwa uzytkownika`,
		Street: `street, address, street address, street name, address line, address street, postal address,
			strasse, anschrift, wohnadresse, adresse, adresse postale, rue, nom rue, calle, domicilio, direccion,
			direccion postal, indirizzo, endereco, rua, logradouro, morada, straat, adres, ulica,
			adres zamieszkania, rechnungsadresse, lieferadresse`,
		City: `city, city name, town, stadt, wohnort, ville, ciudad, citta, cidade, localidad, localidade, woonplaats,
			stad, miasto, miejscowosc`,
		Postcode: `zip, zip code, postcode, post code, postal code, plz, postleitzahl, code postal, cp code postal,
			codigo postal, codice postale, cep, kod pocztowy`,
		BirthDate: `birth date, date birth, birthday, dob, birth day, born, born on, geburtsdatum, geburtstag,
			date naissance, fecha nacimiento, data nascita, data nascimento, geboortedatum, data urodzenia`,
		NationalID: `ssn, social security, social security number, national id, national id number, national identifier,
			national insurance number, nino, id card, id card number, identity card, identity card number, identity number,
			id number, personal id number, passport, passport number, driving license, driving license number, tax id, tax id number, tax number,
			nir, insee, number securite sociale, dni, nif, nie, codice fiscale, cpf, bsn,
			burgerservicenummer, pesel, number pesel, curp, aadhaar, aadhaar number, steuer id, steuernummer, steueridentifikationsnummer,
			sozialversicherungsnummer, ausweisnummer, personalausweis, personalausweisnummer, reisepassnummer, passnummer,
			paspoortnummer, rijbewijsnummer, number passeport, passeport, number pasaporte, pasaporte, passaporto, passaporte,
			paszport, number paszportu, dowod osobisty, number dowodu, personnummer`,
		Card: `card number, credit card, credit card number, debit card, debit card number, cc number, card pan,
			number carte, number carte bancaire, carte bancaire, carte credit, carta credito, number carta, number carta credito,
			tarjeta credito, number tarjeta, number tarjeta credito, cartao credito, number cartao, number cartao credito,
			number karty, karta kredytowa, payment card number`,
		IBAN: `iban, iban number, number iban, bank account, bank account number, bank account iban, bankkonto, kontonummer,
			bankrekening, rekeningnummer, compte bancaire, number compte bancaire, cuenta bancaria, number cuenta bancaria,
			conto corrente, conto bancario, conta bancaria, konto bankowe, number konta, number konta bankowego`,
		IP: `ip, ip address, remote address, ip v, ip remote, adresse ip, direccion ip, indirizzo ip, endereco ip, adres ip, ip adresse`,
		Password: `password, passwd, pwd, passphrase, password hash, password digest, password salt, passwd hash, pwd hash,
			pass hash, user pass, pin hash, passwort, kennwort, passwort hash, mot passe, mdp, contrasena, senha, wachtwoord, haslo`,
		Secret: `secret, token, api key, api secret, api token, access key, access token, refresh token, secret key,
			private key, signing key, encryption key, session key, session token, auth key, auth token, license key, jwt,
			token hash, token digest, credential, otp, otp code, otp secret, totp, totp secret, recovery code, backup code,
			verification code, reset code, activation code, security answer, security code, cvv, cvc, cookie, session cookie,
			webhook secret, client secret, geheimnis, jeton, cle api, clave api, chiave api, chave api, klucz api`,
		FreeText: `note, comment, remark, feedback, memo, message, message text, message body, mail body, email body,
			bio, biography, about me, bemerkung, bemerkungen, anmerkung, anmerkungen, kommentar, kommentare, notiz, notizen,
			commentaire, remarque, comentario, observacion, observaciones, observacao, commento, commenti, osservazione,
			osservazioni, opmerking, opmerkingen, uwaga, uwagi, komentarz, notatka, notatki, free text, freitext`,
	}
}
