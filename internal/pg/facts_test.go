package pg

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lethedb/lethe/internal/catalog"
	"github.com/lethedb/lethe/internal/finding"
	"github.com/lethedb/lethe/internal/pgtest"
	"github.com/lethedb/lethe/internal/preflight"
	"github.com/lethedb/lethe/internal/work"
)

// passage is a production and an empty environment on one server, with the two roles of a refresh.
type passage struct {
	source, target *pgtest.DB
	reader, author pgtest.Login // who reads; who builds
	app            pgtest.Login // who owns everything
	dropped        []catalog.Name
}

// newPassage fills production and makes the roles by the SQL that the program prints.
func newPassage(t *testing.T) passage {
	t.Helper()
	p := passage{source: pgtest.New(t), target: pgtest.New(t)}
	p.app = pgtest.Role(t, p.source, "")
	p.reader, p.author = pgtest.Role(t, p.source, ""), pgtest.Role(t, p.source, "")
	p.source.Exec(t, "ALTER DATABASE "+p.source.Name()+" OWNER TO "+p.app.Name)
	p.target.Exec(t, "ALTER DATABASE "+p.target.Name()+" OWNER TO "+p.app.Name)
	pgtest.Exec(t, p.app.DSN(p.source), `CREATE SCHEMA "Foo Bar"; REVOKE ALL ON SCHEMA public FROM PUBLIC; REVOKE ALL ON SCHEMA "Foo Bar" FROM PUBLIC;
		CREATE TABLE public.a (id serial PRIMARY KEY, name text); INSERT INTO public.a (name) VALUES ('x'), ('y');
		CREATE TABLE "Foo Bar"."With a space" ("select" int GENERATED ALWAYS AS IDENTITY); INSERT INTO "Foo Bar"."With a space" DEFAULT VALUES;
		CREATE TABLE public.p (id int) PARTITION BY LIST (id); CREATE TABLE public.p1 PARTITION OF public.p DEFAULT; INSERT INTO public.p VALUES (1);
		CREATE TABLE public.mine (id int, who name); INSERT INTO public.mine SELECT i, 'nobody' FROM generate_series(1, 300) i;
		ALTER TABLE public.mine ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON public.mine USING (who = current_user);
		CREATE EXTENSION citext SCHEMA public; CREATE MATERIALIZED VIEW public.m AS SELECT count(*) FROM public.a`)
	c := mustCatalog(t, openSource(t, p.source.DSN()))
	for _, sql := range p.grants(c) {
		p.source.Exec(t, sql, sql) // it can be run again
	}
	return p
}

func (p passage) grants(c *catalog.Catalog) []string {
	sql := preflight.Grants(c, preflight.GrantOptions{
		Source: p.reader.Name, Target: p.author.Name, Environment: p.target.Name(), EnvironmentOwner: p.app.Name,
	})
	return []string{sql}
}

// judge gathers the facts as the two roles and judges them.
func (p passage) judge(t *testing.T) finding.List {
	t.Helper()
	s, err := OpenSource(t.Context(), SourceOptions{Name: "production", DSN: p.reader.DSN(p.source), Run: "test", LockTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := mustCatalog(t, s)
	read := slices.DeleteFunc(allTables(c), func(name catalog.Name) bool { return slices.Contains(p.dropped, name) })
	source, err := s.Facts(t.Context(), c, read, p.dropped)
	if err != nil {
		t.Fatal(err)
	}
	target, err := TargetFacts(t.Context(), TargetOptions{DSN: p.author.DSN(p.target), Environment: "staging", Run: "test"}, c, source, work.Roles{Reader: p.reader.Name})
	if err != nil {
		t.Fatal(err)
	}
	return preflight.Judge(preflight.Facts{Catalog: c, Read: read, Roles: work.Roles{Reader: p.reader.Name}, Source: &source, Target: &target})
}

func TestTheGrantsSufficeForAWholeRead(t *testing.T) {
	p := newPassage(t)
	if found := p.judge(t); len(found) > 0 {
		t.Fatalf("with the printed grants, still: %v", found)
	}
	s := openSource(t, p.reader.DSN(p.source))
	rows := map[catalog.Name]int64{}
	err := within(t, s, func(ctx context.Context, snap *Snapshot) error {
		for _, name := range allTables(snap.Catalog()) {
			if snap.tables[name].Kind == catalog.Partitioned {
				continue
			}
			n, err := snap.CopyOut(ctx, whole(name, snap.tables[name].Columns[0].Name), io.Discard)
			if err != nil {
				return err
			}
			counted, err := snap.Count(ctx, name, "")
			if err != nil || counted != n {
				t.Errorf("%s: %d rows, counted %d, %v", name, n, counted, err)
			}
			rows[name] = n
		}
		sequences, err := snap.Sequences(ctx)
		if err != nil || len(sequences) != 2 {
			t.Errorf("sequences: %v, %v", sequences, err)
		}
		t.Run("schema", func(t *testing.T) {
			if err := snap.DumpSchema(ctx, tools(t, p.source), s.opts.Dir+"/schema.dump", nil); err != nil {
				t.Errorf("%v\n%s", err, outputOf(err))
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[catalog.Name]int64{public("a"): 2, public("p1"): 1, public("mine"): 300, {Schema: "Foo Bar", Name: "With a space"}: 1}
	if fmt.Sprint(rows) != fmt.Sprint(want) {
		t.Errorf("read %v, want %v", rows, want)
	}
	if got := p.source.QueryInt(t, `SELECT count(*) FROM pg_roles WHERE rolsuper AND rolname = ANY ($1)`, []string{p.reader.Name, p.author.Name}); got != 0 {
		t.Error("a role is a superuser")
	}
}

func TestEachMissingRightIsNamed(t *testing.T) {
	p := newPassage(t)
	reader, author := p.reader.Name, p.author.Name
	theirs := ", not-member " + p.source.QueryStrings(t, `SELECT current_user`)[0] // who makes what is made here
	for _, c := range []struct{ take, give, want string }{
		{`REVOKE USAGE ON SCHEMA "Foo Bar" FROM ` + reader, `GRANT USAGE ON SCHEMA "Foo Bar" TO ` + reader, `no-usage "Foo Bar"`},
		{`REVOKE SELECT ON a FROM ` + reader, `GRANT SELECT ON a TO ` + reader, "no-select public.a"},
		{`REVOKE SELECT ON p FROM ` + reader, `GRANT SELECT ON p TO ` + reader, "no-select public.p"},
		{`REVOKE SELECT ON "Foo Bar"."With a space_select_seq" FROM ` + reader, `GRANT SELECT ON "Foo Bar"."With a space_select_seq" TO ` + reader,
			"no-select Foo Bar.With a space_select_seq"},
		{`ALTER ROLE ` + reader + ` NOBYPASSRLS`, `ALTER ROLE ` + reader + ` BYPASSRLS`, "row-security public.mine"},
		{`ALTER ROLE ` + reader + ` CONNECTION LIMIT 5`, `ALTER ROLE ` + reader + ` CONNECTION LIMIT -1`, "connections source production"},
		{`ALTER DATABASE ` + p.source.Name() + ` CONNECTION LIMIT 9`, `ALTER DATABASE ` + p.source.Name() + ` CONNECTION LIMIT -1`, "connections source production"},
		{`SELECT lo_create(42)`, `SELECT lo_unlink(42)`, "no-select pg_catalog.pg_largeobject" + theirs},
		{`CREATE FUNCTION evil() RETURNS void LANGUAGE internal AS 'now'`, `DROP FUNCTION evil()`, "needs-superuser function public.evil()" + theirs},
		{`CREATE FOREIGN DATA WRAPPER far`, `DROP FOREIGN DATA WRAPPER far`, "needs-superuser foreign-data wrapper far" + theirs},
		{`CREATE SCHEMA _timescaledb_catalog AUTHORIZATION ` + p.app.Name + `; SET ROLE ` + p.app.Name + `; CREATE TABLE _timescaledb_catalog.hypertable AS SELECT name 'public' AS schema_name, name 'a' AS table_name;
			GRANT USAGE ON SCHEMA _timescaledb_catalog TO ` + reader + `; GRANT SELECT ON _timescaledb_catalog.hypertable TO ` + reader,
			`DROP SCHEMA _timescaledb_catalog CASCADE`, "storage-engine public.a"},
		{`CREATE ACCESS METHOD columns TYPE TABLE HANDLER heap_tableam_handler; SET ROLE ` + p.app.Name + `; CREATE TABLE a2 (id int) USING columns; GRANT SELECT ON a2 TO ` + reader,
			`DROP ACCESS METHOD columns CASCADE`, "needs-superuser access method columns, storage-engine public.a2"},
		{`ALTER ROLE ` + author + ` NOCREATEDB`, `ALTER ROLE ` + author + ` CREATEDB`, "no-createdb target staging"},
		{`REVOKE pg_signal_backend FROM ` + author, `GRANT pg_signal_backend TO ` + author, "no-signal target staging"},
		{`REVOKE ` + p.app.Name + ` FROM ` + author, `GRANT ` + p.app.Name + ` TO ` + author, "not-member " + p.app.Name + ", not-owner " + p.target.Name()},
		{`ALTER DATABASE ` + p.target.Name() + ` IS_TEMPLATE true`, `ALTER DATABASE ` + p.target.Name() + ` IS_TEMPLATE false`, "template " + p.target.Name()},
		{`ALTER ROLE ` + author + ` CONNECTION LIMIT 2`, `ALTER ROLE ` + author + ` CONNECTION LIMIT -1`, "connections target staging"},
	} {
		p.source.Exec(t, c.take)
		if got := summary(p.judge(t)); got != c.want {
			t.Errorf("after %s\ngot  %s\nwant %s", c.take, got, c.want)
		}
		p.source.Exec(t, c.give)
	}
	if found := p.judge(t); len(found) > 0 {
		t.Errorf("after all was given back: %v", found)
	}
}

// summary lists codes and objects.
func summary(found finding.List) string {
	var lines []string
	for _, f := range found {
		lines = append(lines, f.Code+" "+f.Object)
	}
	slices.Sort(lines)
	return strings.Join(lines, ", ")
}

func TestSeveralMissingThingsComeAtOnceAndDroppedTablesDoNotCount(t *testing.T) {
	p := newPassage(t)
	p.source.Exec(t, `REVOKE SELECT ON a, p1 FROM `+p.reader.Name, `ALTER ROLE `+p.author.Name+` NOCREATEDB`)
	if got, want := summary(p.judge(t)), "no-createdb target staging, no-select public.a, no-select public.p1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	p.dropped = []catalog.Name{public("a")}
	if got, want := summary(p.judge(t)), "no-createdb target staging, no-select public.p1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSessionsThatMayNotBeEndedAreNamed(t *testing.T) {
	p := newPassage(t)
	other := pgtest.Role(t, p.source, "")
	p.source.Exec(t, "REVOKE pg_signal_backend FROM "+p.author.Name)
	superuser := open(t, p.target.DSN(), session{name: "a superuser"})
	stranger := open(t, other.DSN(p.target), session{name: "a stranger"})
	open(t, p.app.DSN(p.target), session{name: "an owner"})
	found := p.judge(t)
	if len(found) != 2 || found[0].Code != "session" || found[0].Severity != finding.Error ||
		found[0].Object != fmt.Sprintf("session %d of role %s", stranger.PgConn().PID(), other.Name) ||
		found[1].Severity != finding.Warning || !strings.HasPrefix(found[1].Object, fmt.Sprintf("session %d of role ", superuser.PgConn().PID())) {
		t.Errorf("found %v", found)
	}
}

func TestRolesThatTheSchemaNamesMustExistOnTheTarget(t *testing.T) {
	p := newPassage(t)
	s := openSource(t, p.source.DSN())
	report := pgtest.Role(t, p.source, "")
	policy := pgtest.Role(t, p.source, "")
	p.source.Exec(t, `GRANT SELECT ON a TO `+report.Name, `CREATE POLICY theirs ON mine TO `+policy.Name+` USING (true)`)
	c := mustCatalog(t, s)
	source, err := s.Facts(t.Context(), c, allTables(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(source.Grantees, report.Name) || !slices.Contains(source.Grantees, policy.Name) || !slices.Equal(source.Owners, []string{p.app.Name}) {
		t.Errorf("owners %v, grantees %v", source.Owners, source.Grantees)
	}
	if c.Server.Major() >= 15 {
		p.source.Exec(t, `ALTER SCHEMA public OWNER TO `+report.Name)
		c := mustCatalog(t, s)
		if source, err := s.Facts(t.Context(), c, nil, nil); err != nil || !slices.Contains(source.Owners, report.Name) {
			t.Errorf("owners without that of public: %v, %v", source.Owners, err)
		}
	}
	source.Owners = append(source.Owners, "nobody_has_this_role")
	target, err := TargetFacts(t.Context(), TargetOptions{DSN: p.target.DSN(), Environment: "staging"}, c, source, work.Roles{})
	if err != nil {
		t.Fatal(err)
	}
	got := summary(preflight.Judge(preflight.Facts{Catalog: c, Source: &source, Target: &target}))
	if got != "missing-role nobody_has_this_role" {
		t.Errorf("got %s", got)
	}
}

func TestViewsThatReachOutAreFoundThroughOthers(t *testing.T) {
	db := pgtest.New(t)
	db.Exec(t, `CREATE EXTENSION dblink`, `CREATE FOREIGN DATA WRAPPER w`, `CREATE SERVER s FOREIGN DATA WRAPPER w`, `CREATE FOREIGN TABLE f (id int) SERVER s`,
		`CREATE TABLE t (id int)`, `CREATE VIEW v AS SELECT * FROM f`, `CREATE VIEW vv AS SELECT * FROM v`,
		`CREATE MATERIALIZED VIEW far AS SELECT * FROM vv WITH NO DATA`, `CREATE MATERIALIZED VIEW near AS SELECT * FROM t`,
		`CREATE MATERIALIZED VIEW linked AS SELECT * FROM dblink('x', 'y') AS d (id int) WITH NO DATA`,
		`CREATE FUNCTION "wrap.it"() RETURNS SETOF int LANGUAGE plpgsql AS 'BEGIN RETURN QUERY SELECT * FROM public.DBLINK(''x'', ''y'') AS d (id int); END'`,
		`CREATE FUNCTION again() RETURNS int LANGUAGE sql AS 'SELECT min(w) FROM "wrap.it"() w'`,
		`CREATE FUNCTION standard() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT public.again(); END`,
		`CREATE FUNCTION local() RETURNS int LANGUAGE sql AS 'SELECT 1 AS my_dblinks'`,
		`CREATE MATERIALIZED VIEW atomic AS SELECT standard() WITH NO DATA`, `CREATE MATERIALIZED VIEW wrapped AS SELECT again() WITH NO DATA`,
		`CREATE MATERIALIZED VIEW here AS SELECT local() WITH NO DATA`)
	s := openSource(t, db.DSN())
	c := mustCatalog(t, s)
	for i := range c.Tables {
		c.Tables[i].Populated = true // filling them would need the other server
	}
	f, err := s.Facts(t.Context(), c, allTables(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(f.Outward, catalog.Name.Compare)
	if !slices.Equal(f.Outward, []catalog.Name{public("atomic"), public("far"), public("linked"), public("wrapped")}) {
		t.Errorf("outward = %v", f.Outward)
	}
	if f, err = s.Facts(t.Context(), c, allTables(c), f.Outward); err != nil || len(f.Outward) != 0 {
		t.Errorf("dropped views: %v, %v", f.Outward, err)
	}
}

// TestWhatLeadsToOtherServersByItselfIsFound holds that nothing that spells an address and calls it when it is used
// arrives as it is, and that what only calls a function of the user's own, which is made inert, is no matter.
func TestWhatLeadsToOtherServersByItselfIsFound(t *testing.T) {
	db := pgtest.New(t)
	db.Exec(t, `CREATE EXTENSION dblink`, `CREATE TABLE t (id int, note text DEFAULT dblink_connect('x'), plain text DEFAULT 'dblink(')`,
		`CREATE VIEW v AS SELECT * FROM dblink('x', 'y') AS d (id int)`, `CREATE VIEW above AS SELECT * FROM v`,
		`CREATE MATERIALIZED VIEW m AS SELECT * FROM dblink('x', 'y') AS d (id int) WITH NO DATA`,
		`CREATE RULE r AS ON INSERT TO t DO ALSO SELECT dblink_connect('x')`, `CREATE POLICY p ON t USING (dblink_connect('x') = note)`,
		`CREATE FUNCTION own() RETURNS text LANGUAGE sql AS $$ SELECT public.dblink_connect('x') $$`, `CREATE VIEW calls AS SELECT own()`,
		`CREATE FUNCTION fires() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`,
		`CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW WHEN (dblink_connect('x') = NEW.note) EXECUTE FUNCTION fires()`)
	s := openSource(t, db.DSN())
	c := mustCatalog(t, s)
	f, err := s.Facts(t.Context(), c, allTables(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := "condition of trigger g of public.t, default of public.t.note, materialised view public.m, policy p of public.t, rule r of public.t, view public.v"
	if got := strings.Join(f.Leading, ", "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	found := preflight.Judge(preflight.Facts{Catalog: c, Source: &preflight.Source{Leading: f.Leading}})
	if n := strings.Count(summary(found), "reaches-out"); n != len(f.Leading) {
		t.Errorf("%d of %d are refused: %s", n, len(f.Leading), summary(found))
	}
}

// TestWhatIsOfADroppedTableDoesNotReachOut holds that what stands in the way with its table goes with it, and that what
// a domain does stays.
func TestWhatIsOfADroppedTableDoesNotReachOut(t *testing.T) {
	db := pgtest.New(t)
	db.Exec(t, `CREATE EXTENSION dblink`, `CREATE FUNCTION far(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM public.dblink_connect(''x''); RETURN n; END'`,
		`CREATE DOMAIN placed AS int CHECK (far(VALUE) > 0)`,
		`CREATE TABLE t (id int CHECK (far(id) > 0), made int GENERATED ALWAYS AS (far(id)) STORED, at placed, note text DEFAULT dblink_connect('x'))`,
		`CREATE INDEX by_far ON t (far(id))`, `CREATE TABLE cut (id int) PARTITION BY RANGE (far(id))`, `CREATE TABLE part PARTITION OF cut FOR VALUES FROM (0) TO (9)`,
		`CREATE RULE r AS ON INSERT TO t DO ALSO SELECT dblink_connect('x')`, `CREATE POLICY p ON t USING (dblink_connect('x') = note)`,
		`CREATE FUNCTION fires() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`,
		`CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW WHEN (dblink_connect('x') = NEW.note) EXECUTE FUNCTION fires()`)
	s := openSource(t, db.DSN())
	c := mustCatalog(t, s)
	f, err := s.Facts(t.Context(), c, allTables(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	const domain = "domain constraint placed_check of public.placed"
	calling := "constraint t_id_check of public.t, " + domain + ", generated column made of public.t, index public.by_far, partition key of public.cut"
	if got := strings.Join(f.Calling, ", "); got != calling || len(f.Leading) != 4 {
		t.Errorf("calling %s\nwant    %s\nand four of %v", got, calling, f.Leading)
	}
	if f, err = s.Facts(t.Context(), c, nil, allTables(c)); err != nil {
		t.Fatal(err)
	}
	if strings.Join(f.Calling, ", ") != domain || len(f.Leading) != 0 {
		t.Errorf("with their tables dropped: %v, %v", f.Calling, f.Leading)
	}
	found := preflight.Judge(preflight.Facts{Catalog: c, Source: &preflight.Source{Calling: f.Calling}})
	if len(found) == 0 || strings.Contains(found[0].Fix, "rule") {
		t.Errorf("a domain arrives without its tables: %v", found)
	}
}

func TestWhatOthersKeepInOurSchemaIsNotLostUnseen(t *testing.T) {
	db := pgtest.New(t)
	db.Exec(t, `CREATE SCHEMA lethe`, `CREATE TABLE lethe.environment (id int)`, `CREATE TABLE lethe.orders (id int)`,
		`CREATE FUNCTION lethe.total() RETURNS int LANGUAGE sql AS 'SELECT 1'`)
	s := openSource(t, db.DSN())
	c := mustCatalog(t, s)
	f, err := s.Facts(t.Context(), c, allTables(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := []catalog.Name{{Schema: "lethe", Name: "orders"}, {Schema: "lethe", Name: "total"}}; !slices.Equal(f.Foreign, want) {
		t.Errorf("found %v", f.Foreign)
	}
}

func TestALocaleIsProvenByTheServer(t *testing.T) {
	db := pgtest.New(t)
	conn := open(t, db.DSN(), session{})
	var version int
	if err := conn.QueryRow(t.Context(), `SELECT current_setting('server_version_num')::int4`).Scan(&version); err != nil {
		t.Fatal(err)
	}
	own := mustCatalog(t, openSource(t, db.DSN())).Server
	p := prober{conn: conn, target: &preflight.Target{Endpoint: preflight.Endpoint{Version: version}}}
	libc := func(locale string) catalog.Server {
		return catalog.Server{Encoding: "UTF8", Provider: "libc", Collate: locale, Ctype: locale}
	}
	icu := func(locale, rules string) catalog.Server {
		return catalog.Server{Encoding: "UTF8", Provider: "icu", Collate: "C", Ctype: "C", Locale: locale, Rules: rules}
	}
	for _, c := range []struct {
		server catalog.Server
		want   bool
	}{
		{own, true}, {libc("C"), true}, {libc("POSIX"), true}, {libc("C.UTF-8"), true}, {libc("C.utf8"), true},
		{libc("tlh_KLINGON.UTF-8"), false}, {libc("it's"), false},
		{icu("de-DE", ""), version >= 150000}, {icu("de-DE", "&a < g"), version >= 160000},
		{catalog.Server{Encoding: "UTF8", Provider: "builtin", Locale: "C.UTF-8"}, version >= 170000},
	} {
		if got, err := p.locale(t.Context(), c.server); err != nil || got != c.want {
			t.Errorf("%+v: %v, %v", c.server, got, err)
		}
	}
	if got := db.QueryInt(t, `SELECT count(*) FROM pg_collation WHERE collname = 'lethe_probe'`); got != 0 {
		t.Error("the probe left a collation behind")
	}
}

// pooler stands between a client and a server and, as every pooler does, tells process ids of its own.
func pooler(t *testing.T, dsn string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	config, err := parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	network, address := "tcp", net.JoinHostPort(config.Host, fmt.Sprint(config.Port))
	if strings.HasPrefix(config.Host, "/") {
		network, address = "unix", fmt.Sprintf("%s/.s.PGSQL.%d", config.Host, config.Port)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { _ = listener.Close(); <-ended })
	go func() {
		defer close(ended)
		var relays []chan struct{}
		for {
			client, err := listener.Accept()
			if err != nil {
				break
			}
			server, err := (&net.Dialer{}).DialContext(context.WithoutCancel(t.Context()), network, address)
			if err != nil {
				_ = client.Close()
				continue
			}
			relay := make(chan struct{})
			relays = append(relays, relay)
			go func() { _, _ = io.Copy(server, client); _ = server.Close() }()
			go func() {
				defer close(relay)
				_ = renumber(client, server)
				_ = client.Close()
			}()
		}
		for _, relay := range relays {
			<-relay
		}
	}()
	u.Host = listener.Addr().String()
	q := u.Query()
	q.Set("sslmode", "disable")
	q.Del("host")
	q.Del("port")
	u.RawQuery = q.Encode()
	return u.String()
}

// renumber passes messages on and changes the process id in BackendKeyData.
func renumber(client io.Writer, server io.Reader) error {
	for {
		head := make([]byte, 5)
		if _, err := io.ReadFull(server, head); err != nil {
			return err
		}
		body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
		if _, err := io.ReadFull(server, body); err != nil {
			return err
		}
		if head[0] == 'K' {
			binary.BigEndian.PutUint32(body, 4711)
		}
		if _, err := client.Write(append(head, body...)); err != nil {
			return err
		}
	}
}

func TestAPoolerIsNoticed(t *testing.T) {
	db := pgtest.New(t)
	dsn := pooler(t, db.DSN())
	s := openSource(t, dsn)
	f, err := s.Facts(t.Context(), &catalog.Catalog{}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !f.Pooled || f.Scattered {
		t.Errorf("pooled %v, scattered %v", f.Pooled, f.Scattered)
	}
	s.Close()
}

func TestATargetThatIsNotThereIsAFindingNotAnError(t *testing.T) {
	p := newPassage(t)
	options := TargetOptions{DSN: strings.Replace(p.author.DSN(p.target), p.target.Name(), "no_such_database", 1), Environment: "staging"}
	target, err := TargetFacts(t.Context(), options, &catalog.Catalog{Server: catalog.Server{Provider: "libc", Collate: "C", Ctype: "C"}}, preflight.Source{}, work.Roles{})
	if err != nil {
		t.Fatal(err)
	}
	if got := summary(preflight.Judge(preflight.Facts{Target: &target})); got != "no-database no_such_database" {
		t.Errorf("got %s", got)
	}
	options.DSN = "postgres://u:canary@127.0.0.1:1/db"
	_, err = TargetFacts(t.Context(), options, &catalog.Catalog{}, preflight.Source{}, work.Roles{})
	if err == nil || errors.Is(err, context.Canceled) {
		t.Fatal("facts of a server that is not there")
	}
	assertClean(t, err, "canary")
}
