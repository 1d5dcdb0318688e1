# Says which of the settings `typed` none of the targets `goals` reads, in a Makefile's own words:
# in its recipe, in the words that explain it, or in those of a target that it needs.

function words_of(goal,   needed, count, i) {
	if (goal in seen) return
	seen[goal] = 1
	words = words " " body[goal]
	count = split(needs[goal], needed, " ")
	for (i = 1; i <= count; i++) words_of(needed[i])
}

/^[A-Z]+ *=/ {
	name = $1
	sub(/=.*/, "", name)
	value[name] = $0
}
/^[a-z][a-z -]*:/ {
	colon = index($0, ":")
	count = split(substr($0, 1, colon - 1), made, " ")
	rest = substr($0, colon + 1)
	needed = rest
	sub(/[;#].*/, "", needed)
	for (i = 1; i <= count; i++) {
		body[made[i]] = body[made[i]] " " rest
		needs[made[i]] = needs[made[i]] " " needed
	}
}
/^\t/ { for (i = 1; i <= count; i++) body[made[i]] = body[made[i]] " " $0 }
/^[^\ta-z]/ { count = 0 }

END {
	number = split(goals, goal, " ")
	for (i = 1; i <= number; i++) words_of(goal[i])
	for (more = 1; more;) {
		more = 0
		for (name in value) if (!(name in used) && index(words, "$(" name ")")) {
			used[name] = more = 1
			words = words " " value[name]
		}
	}
	total = split(typed, setting, " ")
	for (i = 1; i <= total; i++) if (words !~ "(^|[^A-Z])" setting[i] "([^A-Z_]|$)")
		print "note: make " goals " does not read " setting[i] "="
}
