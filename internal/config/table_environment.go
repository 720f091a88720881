package config

func environmentBlock() *shape {
	command := object(
		key("command", argv(), "Program and arguments.").needed(),
		key("timeout", duration(), "Longest it may take."),
	)
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
		key("undecided", oneWordOf("refuse", "blank"), "What becomes of a column that no rule decides.").defaults("refuse"),
		field{name: "publish", doc: "How the environment changes over.", whole: true, shape: object(
			key("sessions", matching(`^(drain +`+durationPattern+`|terminate|refuse)$`, `"drain DURATION", terminate or refuse`),
				"What becomes of sessions on the database that is replaced.").defaults("drain 30s"),
			key("window", matching(`^[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$`, `a window such as "05:00-06:00"`), "When it may change over.").notYet(),
			key("announce", duration(), "How long before it is announced.").notYet(),
		)},
		field{name: "keep_previous", doc: "What is kept of earlier databases.", whole: true, shape: object(
			key("count", integer(0, 9), "How many.").defaults(1),
			key("for", duration(), "How long each.").defaults("24h"),
		)},
		key("retain", list(choice("a table, or a mapping with one", text("a table"), object(
			key("table", text("a table"), "The table.").needed(),
			key("where", text("a condition"), "Which of its rows."),
			key("on_missing", oneWordOf("refuse", "drop row"), "What becomes of rows whose parents are gone."),
		))), "Rows of the environment's own.").notYet(),
		key("after", list(choice("a path, or a mapping with a command", path(), command)), "What runs before it is published.").notYet(),
		key("hooks", object(
			key("before_publish", list(text("a hook")), "Before the change."),
			key("after_publish", list(text("a hook")), "After the change."),
			key("failed", list(text("a hook")), "When the run failed."),
		), "Hooks by name.").notYet(),
		key("roles", object(
			key("map", named(`^[^\x00]+$`, text("a role")), "Owners and grantees by other names."),
			key("drop", list(text("a role")), "Roles whose grants are left out; what they own goes to the database's owner."),
		), "Roles that the target has not."),
		key("without", object(
			key("extensions", list(text("an extension")), "Extensions that are left out, with what needs them."),
		), "What is left out of the schema."),
		key("revive", list(text("a name")), "Outward wiring that may live on the copy.").notYet(),
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
