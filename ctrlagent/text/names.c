// SPDX-License-Identifier: Apache-2.0
#include "text/names.h"

#define WEFT_X(id, name, text) #name,
static const char *const port_kinds[] = {WEFT_PORT_KINDS(WEFT_X)};
#undef WEFT_X

static const char *const encaps[] = {"none", "vxlan", "nvgre"};

#define WEFT_X(id, name, text) {name, text},
static const struct {
	const char *name, *text;
} drops[] = {WEFT_DROPS(WEFT_X)}, consumptions[] = {WEFT_CONSUMPTIONS(WEFT_X)};
#undef WEFT_X

#define PICK(array, i, member) ((i) < sizeof(array) / sizeof((array)[0]) ? (array)[i] member : "?")

const char *port_kind_name(uint32_t kind)
{
	return PICK(port_kinds, kind, );
}

const char *encap_name(uint32_t encap)
{
	return PICK(encaps, encap, );
}

const char *drop_name(uint32_t drop)
{
	return PICK(drops, drop, .name);
}

const char *drop_text(uint32_t drop)
{
	return PICK(drops, drop, .text);
}

const char *consumed_name(uint32_t consumed)
{
	return PICK(consumptions, consumed, .name);
}
