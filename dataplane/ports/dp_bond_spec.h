// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the `device` of a bond says: its mode and its members. Bytes in, a struct out.

#include <weft/ipc.h>

struct dp_bond_spec {
	enum weft_bond_mode mode;
	bool fast; // LACP's timeout is the short one
	bool pci;  // members are PCI devices, else interfaces of the kernel
	unsigned n;
	char member[WEFT_BOND_MEMBERS][WEFT_BOND_MEMBER_MAX + 1];
};

// MODE,MEMBER[,MEMBER…], where MODE may be lacp:fast: each member once, all of one kind. False:
// `why` says what is wrong.
bool dp_bond_parse(const char *device, struct dp_bond_spec *out, char why[static 100]);
bool dp_bond_spec_has(const struct dp_bond_spec *s, const char *member);
// One has a member that the other has, too. Both are a `device`; of one that is wrong: false.
bool dp_bond_overlaps(const char *a, const char *b);
