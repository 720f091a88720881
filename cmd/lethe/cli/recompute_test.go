package cli

import (
	"strings"
	"testing"
)

// articles keep search texts and counts by triggers, which would hold originals where they were copied.
const articles = `CREATE TABLE author (id int PRIMARY KEY, name text NOT NULL, articles int NOT NULL, search tsvector NOT NULL);
	CREATE TABLE article (id int, author_id int REFERENCES author, title text, search tsvector, touched int NOT NULL DEFAULT 0, PRIMARY KEY (id)) PARTITION BY RANGE (id);
	CREATE TABLE article_1 PARTITION OF article FOR VALUES FROM (0) TO (100);
	CREATE TABLE article_2 PARTITION OF article DEFAULT;
	CREATE FUNCTION search() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.search := to_tsvector('pg_catalog.simple', NEW.title); RETURN NEW; END $$;
	CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.touched := NEW.touched + 1; RETURN NEW; END $$;
	INSERT INTO author SELECT i, 'canary' || i, 0, to_tsvector('simple', 'canary' || i) FROM generate_series(1, 20) i;
	INSERT INTO article SELECT i, 1 + i % 20, 'about canary' || i, to_tsvector('simple', 'about canary' || i) FROM generate_series(1, 300) i;
	CREATE TRIGGER article_search BEFORE INSERT OR UPDATE OF title ON article FOR EACH ROW EXECUTE FUNCTION search();
	CREATE TRIGGER article_touch BEFORE UPDATE ON article FOR EACH ROW EXECUTE FUNCTION touch();
	CREATE TRIGGER article_off BEFORE UPDATE ON article FOR EACH ROW EXECUTE FUNCTION touch();
	ALTER TABLE article DISABLE TRIGGER article_off;
	CREATE INDEX ON article USING gin (search);
	CREATE MATERIALIZED VIEW words AS SELECT word FROM ts_stat('SELECT search FROM public.article')`

const articlesRules = `version: 1
tables:
  public.author:
    columns:
      id: {keep: "a surrogate key"}
      name: last_name
      articles: {mask: recompute, as: "(SELECT count(*) FROM public.article a WHERE a.author_id = author.id) -- of this author"}
      search: {mask: recompute, as: "to_tsvector('simple', name)"}
  public.article:
    columns:
      id: {keep: "a surrogate key"}
      author_id: {keep: "a surrogate key"}
      title: redact_text
      search: {mask: recompute, trigger: article_search}
      touched: {keep: "a count"}
`

func TestWhatTriggersKeepIsComputedAgainFromMaskedRows(t *testing.T) {
	t.Parallel()
	s := newStage(t, articlesRules, fill(articles)).adopted()
	s.ok("refresh", "staging")
	for what, query := range map[string]string{
		"authors with another count":  `SELECT count(*) FROM author WHERE articles <> 15`,
		"authors with another search": `SELECT count(*) FROM author WHERE search <> to_tsvector('simple', name) OR search = ''`,
		"articles with another":       `SELECT count(*) FROM article WHERE search IS DISTINCT FROM to_tsvector('simple', title)`,
		"triggers that ran":           `SELECT count(*) FROM article WHERE touched <> 0`,
		"triggers in another state":   `SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND (tgenabled <> 'O') <> (tgname = 'article_off')`,
		"words of originals":          `SELECT count(*) FROM words WHERE word LIKE 'canary%'`,
		"words lost":                  `SELECT 1 - least(count(*), 1) FROM words`,
	} {
		if n := s.staging.QueryInt(t, query); n != 0 {
			t.Errorf("%d %s", n, what)
		}
	}
	for _, text := range contents(t, s.staging.DSN()) {
		if strings.Contains(text, "canary") {
			t.Error("an original arrived")
		}
	}
	was, databases := contents(t, s.staging.DSN()), s.databases()
	for from, to := range map[string]string{
		"trigger: article_search":       "trigger: article_find",
		"to_tsvector('simple', name)":   "to_tsvector('simple', surname)",
		"(SELECT count(*)":              "('x' || name) -- ",
		`as: "to_tsvector('simple', na`: `trigger: t, as: "to_tsvector('simple', na`,
	} {
		s.write("rules.yaml", strings.Replace(articlesRules, from, to, 1))
		if r := s.lethe("refresh", "staging"); r.status == 0 {
			t.Errorf("with %s it was refreshed", to)
		}
	}
	s.unchanged(t, was, databases)
}
