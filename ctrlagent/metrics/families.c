// SPDX-License-Identifier: Apache-2.0
#include "metrics/families.h"

#include <stdlib.h>

#include "mem.h"

static const struct {
	const char *name, *type, *help;
} families[] = {
#define WEFT_X(id, name, type, help) {name, type, help},
	METRIC_FAMILIES(WEFT_X)
#undef WEFT_X
};

static void add_escaped(struct text *t, const char *value)
{
	for (; *value; value++) {
		if (*value == '\n')
			text_add(t, "\\n");
		else
			text_add(t, *value == '"' || *value == '\\' ? "\\%c" : "%c", *value);
	}
}

void metric_add(struct metric_set *set, enum metric_family family, uint64_t value,
	const char *const *labels)
{
	struct text *t = &set->families[family];
	const char *before = "{";

	text_add(t, "%s", families[family].name);
	for (; labels[0]; labels += 2) {
		if (!labels[1])
			continue;
		text_add(t, "%s%s=\"", before, labels[0]);
		add_escaped(t, labels[1]);
		text_add(t, "\"");
		before = ",";
	}
	text_add(t, "%s %llu\n", *before == ',' ? "}" : "", (unsigned long long)value);
}

char *metric_render(struct metric_set *set, size_t *len)
{
	struct text all = {0};

	for (unsigned i = 0; i < METRIC_MAX; i++) {
		if (set->families[i].at)
			text_add(&all, "# HELP %s %s\n# TYPE %s %s\n%s", families[i].name,
				families[i].help, families[i].name, families[i].type,
				set->families[i].at);
		free(set->families[i].at);
	}
	*len = all.len;
	return all.at ? all.at : agent_strdup("");
}
