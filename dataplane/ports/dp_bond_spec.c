// SPDX-License-Identifier: Apache-2.0
#include "ports/dp_bond_spec.h"

#include <stdio.h>

static const char *const dp_bond_modes[] = {
#define WEFT_X(id, name) #name,
	WEFT_BOND_MODES(WEFT_X)
#undef WEFT_X
};

static bool dp_bond_is_pci(const char *member)
{
	unsigned a, b, c, d;
	int end = 0;

	return sscanf(member, "%x:%x:%x.%x%n", &a, &b, &c, &d, &end) == 4 && !member[end];
}

bool dp_bond_spec_has(const struct dp_bond_spec *s, const char *member)
{
	for (unsigned i = 0; i < s->n; i++)
		if (!strcmp(s->member[i], member))
			return true;
	return false;
}

static bool dp_bond_mode(const char *name, struct dp_bond_spec *out)
{
	out->fast = !strcmp(name, "lacp:fast");
	if (out->fast)
		name = "lacp";
	for (unsigned i = 0; i < WEFT_BOND_MODE_MAX; i++)
		if (!strcmp(name, dp_bond_modes[i])) {
			out->mode = (enum weft_bond_mode)i;
			return true;
		}
	return false;
}

static bool dp_bond_member(const char *name, struct dp_bond_spec *out, char why[static 100])
{
	bool pci = dp_bond_is_pci(name);

	if (!*name || strlen(name) > WEFT_BOND_MEMBER_MAX || strpbrk(name, "/=\t\n "))
		snprintf(why, 100, "device: want members of 1 to %u characters",
			WEFT_BOND_MEMBER_MAX);
	else if (out->n == WEFT_BOND_MEMBERS)
		snprintf(why, 100, "device: want at most %u members", WEFT_BOND_MEMBERS);
	else if (dp_bond_spec_has(out, name))
		snprintf(why, 100, "device: member %s is there twice", name);
	else if (out->n && pci != out->pci)
		snprintf(why, 100, "device: want either interfaces or PCI addresses as members");
	else {
		out->pci = pci;
		snprintf(out->member[out->n++], sizeof(out->member[0]), "%.15s", name);
		return true;
	}
	return false;
}

bool dp_bond_parse(const char *device, struct dp_bond_spec *out, char why[static 100])
{
	char copy[WEFT_DEVICE_MAX + 1], *rest = copy, *word;

	*out = (struct dp_bond_spec){0};
	snprintf(copy, sizeof(copy), "%s", device);
	word = strsep(&rest, ",");
	if (!dp_bond_mode(word, out)) {
		snprintf(why, 100,
			"device: want lacp[:fast], active_backup or balance, then members");
		return false;
	}
	while ((word = strsep(&rest, ",")))
		if (!dp_bond_member(word, out, why))
			return false;
	if (!out->n)
		snprintf(why, 100, "device: want members after the mode");
	return out->n;
}

bool dp_bond_overlaps(const char *a, const char *b)
{
	struct dp_bond_spec one, other;
	char why[100];

	if (!dp_bond_parse(a, &one, why) || !dp_bond_parse(b, &other, why))
		return false;
	for (unsigned i = 0; i < one.n; i++)
		if (dp_bond_spec_has(&other, one.member[i]))
			return true;
	return false;
}
