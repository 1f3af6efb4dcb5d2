// SPDX-License-Identifier: Apache-2.0
#include "text/names.h"

#define WEFT_X(id, name, text) #name,
static const char *const port_kinds[] = {WEFT_PORT_KINDS(WEFT_X)};
#undef WEFT_X

#define WEFT_X(id, name) #name,
static const char *const bond_modes[] = {WEFT_BOND_MODES(WEFT_X)};
#undef WEFT_X
static const char *const bfd_modes[] = {"none", "single_hop", "multihop", "vxlan"};
static const char *const bfd_states[] = {"admin-down", "down", "init", "up"};
static const char *const bfd_diags[] = {"none", "detection time expired", "echo failed",
	"neighbour signalled down", "forwarding plane reset", "path down", "concatenated path down",
	"administratively down", "reverse concatenated path down"};

static const char *const punt_reasons[] = {"miss", "action", "invalid_ttl"};
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

static const char *const too_bigs[] = {"icmp", "fragment", "drop"};

const char *too_big_name(uint32_t too_big)
{
	return PICK(too_bigs, too_big, );
}

const char *tunnel_port_name(uint32_t ofport)
{
	return ofport == WEFT_OFPORT_OVERLAY ? "overlay"
	       : ofport == WEFT_OFPORT_VXLAN ? "vxlan"
	       : ofport == WEFT_OFPORT_NVGRE ? "nvgre"
					     : NULL;
}

const char *encap_name(uint32_t encap)
{
	return PICK(encaps, encap, );
}

const char *bond_mode_name(uint32_t mode)
{
	return PICK(bond_modes, mode, );
}

const char *bfd_mode_name(uint32_t mode)
{
	return PICK(bfd_modes, mode, );
}

const char *bfd_state_name(uint32_t state)
{
	return PICK(bfd_states, state, );
}

const char *bfd_diag_text(uint32_t diag)
{
	return PICK(bfd_diags, diag, );
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

const char *punt_reason_name(uint32_t reason)
{
	return PICK(punt_reasons, reason, );
}
