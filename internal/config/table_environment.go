package config

func environmentBlock() *shape {
	command := commandBlock()
	hooks := func(name string) field {
		return key(name, list(choice("a program, or a mapping with a command", text("a program"), command)), hookMoments()[name])
	}
	return object(
		key("kind", oneWordOf("production_copy", "staging", "dev", "qa", "sandbox"),
			"What the environment is for; by default its name, where that is a kind."),
		key("from", text("the name of a source"), "Source that is read."),
		key("target", object(
			key("dsn", secretRef(), "Connection string of the published database.").needed(),
			key("maintenance", text("the name of a database"), "Database that locks and renames go through.").defaults("postgres"),
		), "Server that the environment is published on.").needed(),
		key("slots", object(
			key("databases", list(text("the name of a database")).length(2, 2), "The two databases that take turns.").needed(),
			key("pointer", object(
				key("file", path(), "File that is replaced by one naming the serving database."),
				key("command", argv(), "Program and arguments that make clients follow."),
			).exactlyOne("file", "command"), "What clients follow.").needed(),
		), "Two databases made beforehand, where none can be created."),
		key("schedule", scheduleShape(), "When it is refreshed.").notYet(),
		key("jobs", integer(1, 64), "Parts copied and indexes built at once, at most three less than the source's connections; by default one for each core here, two at least."),
		key("undecided", oneWordOf("refuse", "blank"), "What becomes of a column that no rule decides.").defaults("refuse"),
		field{name: "publish", doc: "How the environment changes over.", whole: true, shape: object(
			key("sessions", matching(`^(drain +`+durationPattern+`|terminate|refuse)$`, `"drain DURATION", terminate or refuse`),
				"What becomes of sessions on the database that is replaced.").defaults("drain 30s"),
			key("window", matching(`^[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$`, `a window such as "05:00-06:00"`), "When it may change over, by the clock of zone."),
			key("zone", text("a time zone"), "Time zone of the window; by default this machine's."),
			key("announce", duration(), "How long before it changes over that is announced."),
		)},
		field{name: "keep_previous", doc: "What is kept of earlier databases.", whole: true, shape: object(
			key("count", integer(0, 9), "How many.").defaults(1),
			key("for", duration(), "How long each.").defaults("24h"),
		)},
		key("retain", list(retainShape()), "Rows of the environment's own, carried from the old database into the new."),
		key("after", list(choice("a path of an SQL file, or a mapping with a command", path(), command)),
			"What is run in the new database before it is published, in this order."),
		key("hooks", object(
			hooks("before"), hooks("built"), hooks("announce"), hooks("before_publish"), hooks("after_publish"), hooks("failed"),
		), "Programs that are told what happens."),
		key("roles", object(
			key("map", named(`^[^\x00]+$`, text("a role")), "Owners and grantees by other names."),
			key("drop", list(text("a role")), "Roles whose grants are left out; what they own goes to the database's owner."),
		), "Roles that the target has not."),
		key("without", object(
			key("extensions", list(text("an extension")), "Extensions that are left out, with what needs them."),
		), "What is left out of the schema."),
		key("revive", list(reviveShape()), "Outward wiring that may live on the copy."),
		key("post_data", object(
			key("search_path", list(text("a schema")).length(1, 0), "Schemas that functions of indexes, checks and views are looked up in.").needed(),
		), "How indexes, constraints and materialised views are built."),
		key("tolerate", list(text("an index or a constraint")), "Unique indexes and constraints that production's own rows violate: left out."),
		key("approve", list(text("a role")), "Roles that must approve each run.").notYet(),
		key("subset", subsetBlock(), "Which rows arrive.").notYet(),
		key("seed", object(
			key("number", integer(0, 1<<53), "The seed."),
			key("scale", number(0, 1e6), "Size, where 1 is production's."),
			key("profile", path(), "Profile of the data."),
			key("fixtures", path(), "Rows that must be there."),
		), "Synthetic rows.").notYet(),
		key("lifetime", duration(), "How long it lives.").notYet(),
		key("quota", object(
			key("per_user", integer(0, 1e6), "How many one user may have."),
			key("total", integer(0, 1e6), "How many there may be."),
		), "How many there may be at once.").notYet(),
	).someOf("from", "seed")
}

// commandBlock is a program with what it may take and see.
func commandBlock() *shape {
	return object(
		key("command", argv(), "Program and arguments, run without a shell.").needed(),
		key("timeout", duration(), "Longest it may take before it is ended."),
		key("env", list(matching(`^[A-Za-z_][A-Za-z0-9_]*$`, "the name of an environment variable")),
			"Variables of our own environment that it gets too."),
	)
}

// hookMoments says when each hook runs.
func hookMoments() map[string]string {
	return map[string]string{
		"before":         "Before anything is read or built.",
		"built":          "When the new database is complete and verified.",
		"announce":       "When it is known at which moment it changes over.",
		"before_publish": "Right before the change.",
		"after_publish":  "Right after the change.",
		"failed":         "When the run failed, at whatever point.",
	}
}

// retainShape is a table, or a mapping with one.
func retainShape() *shape {
	return choice("a table, or a mapping with one", text("a table"), object(
		key("table", text("a table"), "The table.").needed(),
		key("where", text("a condition"), "Which of its rows; with them come the rows that refer to them."),
		key("on_missing", oneWordOf("refuse", "drop row"), "What becomes of rows whose parents are gone.").defaults("refuse"),
		key("replace", boolean(), "Whether the whole table takes the place of rows that came from the source."),
		key("lose", list(text("a column")), "Columns that the new table has not and whose values may be lost."),
	))
}

func scheduleShape() *shape {
	return choice("a cron expression, or a mapping with one", text("a cron expression"), object(
		key("cron", text("a cron expression"), "When.").needed(),
		key("zone", text("a time zone"), "Where the clock hangs."),
		key("misfire", text("a word"), "What becomes of a missed time."),
		key("jitter", duration(), "How much later it may start."),
		key("retry_until", text(`a time such as "05:00"`), "Until when it is tried again."),
	))
}

func subsetBlock() *shape {
	return object(
		key("roots", list(object(
			key("table", text("a table"), "The table.").needed(),
			key("percent", number(0, 100), "How much of it."),
			key("rows", integer(0, 1<<53), "How many of its rows."),
			key("where", text("a condition"), "Which of its rows."),
		)), "Tables that the choice starts from."),
		key("relations", named(`^[^\x00]+$`, object(
			key("children", text(`"all", "none" or "limit N"`), "What follows downward."),
		)), "How far each reference is followed."),
		key("full", list(text("a table")), "Tables that arrive whole."),
		key("none", list(text("a table")), "Tables that arrive empty."),
		key("max_bytes", size(), "Largest size."),
	)
}
