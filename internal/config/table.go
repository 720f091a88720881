package config

// namePattern is what sources and environments may be called: environments become a part of database
// names, which have 63 bytes, "__" and the id of a run among them.
const namePattern = `^[a-z][a-z0-9]*([_-][a-z0-9]+)*$`

// longestName leaves room in 63 bytes for "__" and an id of 13 characters, and some for what comes later.
const longestName = 40

// called is a mapping whose keys name sources, environments and the like.
func called(of *shape) *shape {
	s := named(namePattern, of)
	s.longest = longestName
	return s
}

// file returns the whole of lethe.yaml: every key there is, also those of steps that are not built yet.
func file() *shape {
	return object(
		key("version", integer(1, 1), "Version of this file's format.").needed(),
		key("keys", keysBlock(), "Where the keys are."),
		key("state", path(), "SQLite file that runs are recorded in.").defaults("lethe.db"),
		key("rules", path(), "File that says what is personal.").defaults("rules.yaml"),
		key("regions", object(
			key("original", list(text("a region")), "Regions that original data may be in."),
			key("pseudonymised", list(text("a region")), "Regions that masked data may be in."),
		), "Which data may be in which region.").notYet(),
		key("allow_custom", list(object(
			key("path", matching(`^/[^\x00]*$`, "a path from / on"), "Absolute path of the program.").needed(),
			key("sha256", matching(`^[0-9a-f]{64}$`, "64 lower-case hex digits"), "Digest of the program.").needed(),
			key("timeout", duration(), "Longest for a thousand values.").defaults("1m"),
		)), "Programs that custom masks may run."),
		key("policy", policyBlock(), "Who must have approved what.").notYet(),
		key("sources", called(sourceBlock()), "Databases that are read, by name."),
		key("environments", called(environmentBlock()), "Databases that are built, by name."),
		key("snapshots", snapshotsBlock(), "Where masked data rests.").notYet(),
		key("drills", called(drillBlock()), "Restores to rehearse, by name.").notYet(),
		key("audit", auditBlock(), "What is proven, and where the proof is kept.").notYet(),
		key("serve", serveBlock(), "The daemon.").notYet(),
		key("workers", object(
			key("listen", text("an address"), "Address that workers join at."),
			key("token", secretRef(), "What a worker shows to join."),
			key("tls", tlsBlock(), "Certificate, needed off loopback."),
		), "More machines for one run.").notYet(),
		key("notify", list(notifyBlock()), "Who is told what.").notYet(),
	)
}

func keysBlock() *shape {
	masking := choice("where the masking key is, or ephemeral", secretRef(), oneWordOf("ephemeral"))
	masking.remedy = secretRef().remedy + "; or write ephemeral for a key of one run"
	return object(
		key("masking", masking, "The key that every mapping depends on; ephemeral makes one per run."),
		key("signing", secretRef(), "The key that certificates are signed with; derived from masking by default."),
		key("trusted", list(path()), "Public keys of those whose signatures count."),
	)
}

func policyBlock() *shape {
	return object(
		key("rules", object(
			key("approved_by", list(text("a role")), "Roles that must have approved the rules."),
			key("not", oneWordOf("author"), "Who may not approve."),
			key("expires", duration(), "How long an approval counts."),
		), "Approval of rules."),
		key("production", object(
			key("access", oneWordOf("approved"), "Whether each access needs approval."),
		), "Approval of access to production."),
		key("keep", object(
			key("forbid", list(text("a severity")), "Severities that no rule may keep."),
			key("review", duration(), "How often a keep is looked at again."),
		), "What may be kept."),
	)
}

// leastConnections is what a run needs on its source: one session that watches, one that holds the snapshot,
// one that holds locks, one that reads.
const leastConnections = 4

func sourceBlock() *shape {
	return object(
		key("dsn", secretRef(), "Connection string of the database."),
		key("dump", path(), "Archive of pg_dump to read instead of a server.").notYet(),
		key("rds", open(), "Instance and snapshot of Amazon RDS to restore and read.").notYet(),
		field{name: "databases", reserved: "two databases cannot be read at one instant; name each as a source of its own"},
		key("connections", integer(leastConnections, 64), "Most sessions of a run on the source, all counted.").defaults(8),
		key("rate", number(0, 1e6), "Megabytes per second that are read, 0 for no limit.").defaults(0.0),
		key("yield_after", duration(), "Longest that others wait for our locks.").defaults("3s"),
		key("max_snapshot_age", duration(), "Longest that a snapshot is held.").defaults("4h"),
		key("stop_when", object(
			key("replication_lag", duration(), "Lag of the slowest standby at which reading pauses."),
			key("active_sessions", integer(1, 1e6), "Sessions at work, whoever's, at which reading pauses."),
			key("lasts", duration(), "How long reading pauses before the run ends.").defaults("1m"),
		).someOf("replication_lag", "active_sessions"), "Load at which production is left alone."),
	).exactlyOne("dsn", "dump", "rds")
}

func snapshotsBlock() *shape {
	return object(
		key("store", text("a directory or s3:// address"), "Where they are kept."),
		key("recipients", list(text("a recipient")), "Whom they are encrypted for."),
		key("region", text("a region"), "Region of the store."),
		key("schedule", scheduleShape(), "When one is taken."),
		key("retention", object(
			key("last", integer(0, 1e6), "How many of the newest."),
			key("daily", integer(0, 1e6), "How many days."),
			key("weekly", integer(0, 1e6), "How many weeks."),
			key("monthly", integer(0, 1e6), "How many months."),
			key("ladder", list(duration()), "Ages of which one each is kept."),
		), "What is kept."),
	)
}

func drillBlock() *shape {
	return object(
		key("backup", object(
			key("pgbackrest", open(), "A repository of pgBackRest."),
			key("local", open(), "Base backups and archived WAL."),
			key("rds", open(), "Snapshots of Amazon RDS."),
			key("standby", open(), "A standby."),
			key("snapshots", open(), "Our own snapshots."),
		).exactlyOne("pgbackrest", "local", "rds", "standby", "snapshots"), "What is restored."),
		key("writer", object(key("dsn", secretRef(), "Connection string of the marker.").needed()), "Who writes the marks."),
		key("schedule", scheduleShape(), "When."),
		key("rto", duration(), "Longest restore."),
		key("rpo", duration(), "Most that may be lost."),
		key("human", duration(), "What people need on top."),
		key("smoke", list(path()), "Statements that must succeed."),
		key("verify", object(
			key("digest", text("how much"), "Digests to compare."),
			key("amcheck", text("how often"), "Structure of indexes."),
			key("checksums", boolean(), "Checksums of pages."),
		), "What is verified."),
	)
}

func auditBlock() *shape {
	return object(
		key("evidence", text("a directory or s3:// address"), "Where the evidence is kept."),
		key("retention", duration(), "For how long."),
		key("leak", object(
			key("memory", size(), "Memory of the filter."),
			key("limit", integer(0, 1<<53), "Originals that may be found."),
		), "The search for originals."),
		key("risk", object(
			key("quasi", choice("auto or a list of columns", oneWordOf("auto"), list(text("a column"))), "Columns that identify together."),
			key("k", integer(1, 1e6), "Smallest group."),
			key("l", integer(1, 1e6), "Least diversity of a group."),
			key("gate", boolean(), "Whether a miss refuses."),
		), "How recognisable rows are."),
	)
}

func tlsBlock() *shape {
	return object(
		key("cert", path(), "Certificate."),
		key("key", path(), "Its key."),
	)
}

func serveBlock() *shape {
	return object(
		key("listen", text("an address"), "Address of the console."),
		key("tls", tlsBlock(), "Certificate, needed off loopback."),
		key("tokens", object(key("file", path(), "File of names, roles and hashes.").needed()), "Who may do what."),
	)
}

func notifyBlock() *shape {
	return object(
		key("slack", secretRef(), "Address of a Slack webhook."),
		key("email", object(
			key("smtp", text("host:port"), "Mail server.").needed(),
			key("to", list(text("an address")).length(1, 0), "Recipients.").needed(),
		), "Mail."),
		key("environments", list(text("the name of an environment")), "Environments it is about."),
		key("from", text("a severity"), "Least severity."),
	).exactlyOne("slack", "email")
}
