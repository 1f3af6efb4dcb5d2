// SPDX-License-Identifier: Apache-2.0
#include "openflow/errors.h"

#include "openflow/oxm.h"

const char *of_error_name(const struct of_error *e, uint8_t version)
{
	for (size_t i = 0; i < of_error_names_count; i++) {
		const struct of_error_name *n = &of_error_names[i];

		if (n->type == e->type && n->code == e->code && n->low <= version &&
			version <= n->high)
			return n->name;
	}
	return "unknown";
}

// <weft/error.h> names each error's code; found by that name, so that there is one list only.
struct of_error of_error_from_weft(uint8_t version, enum weft_error e)
{
	static const char *const of_names[WEFT_E_MAX] = {
#define WEFT_X(id, text, of13) [WEFT_E_##id] = of13,
		WEFT_ERRORS(WEFT_X)
#undef WEFT_X
	};

	if (e == WEFT_E_CONJUNCTION)
		return of_nicira_error(OF_NXERR_CONJUNCTION);
	for (size_t i = 0; e < WEFT_E_MAX && i < of_error_names_count; i++) {
		const struct of_error_name *n = &of_error_names[i];

		if (strcmp(n->name, of_names[e]) == 0 && n->low <= version && version <= n->high)
			return (struct of_error){n->type, n->code, 0};
	}
	return (struct of_error){OFPET_BAD_REQUEST, OFPBRC_EPERM, 0};
}

struct of_error of_bundle_error(uint8_t version, uint16_t code)
{
	if (version >= 5)
		return (struct of_error){OFPET_BUNDLE_FAILED, code, 0};
	return (struct of_error){
		OFPET_EXPERIMENTER, (uint16_t)(ONFERR_BUNDLE + code), OF_EXPERIMENTER_ONF};
}

struct of_error of_nicira_error(uint16_t code)
{
	return (struct of_error){OFPET_EXPERIMENTER, code, OF_EXPERIMENTER_NICIRA};
}

struct of_error of_monitor_error(uint8_t version, uint16_t code)
{
	if (version >= 5)
		return (struct of_error){OFPET_FLOW_MONITOR_FAILED, code, 0};
	switch (code) {
	case OFPMOFC_MONITOR_EXISTS:
		return of_nicira_error(OF_NXERR_MONITOR_EXISTS);
	case OFPMOFC_UNKNOWN_MONITOR:
		return of_nicira_error(OF_NXERR_MONITOR_UNKNOWN);
	case OFPMOFC_BAD_FLAGS:
		return of_nicira_error(OF_NXERR_MONITOR_FLAGS);
	case OFPMOFC_BAD_OUT:
		return (struct of_error){OFPET_BAD_REQUEST, OFPBRC_BAD_PORT, 0};
	default:
		return (struct of_error){OFPET_BAD_REQUEST, OFPBRC_EPERM, 0};
	}
}

// Flow-mod errors of 1.0 (1.0.2, 5.4.4): from 1.3's code to 1.0's.
static uint16_t flow_mod_code_1_0(uint16_t code)
{
	switch (code) {
	case OFPFMFC_TABLE_FULL:
		return 0;
	case OFPFMFC_OVERLAP:
		return 1;
	case OFPFMFC_EPERM:
		return 2;
	case OFPFMFC_BAD_TIMEOUT: // of an emergency flow
		return 3;
	case OFPFMFC_BAD_COMMAND:
		return 4;
	default:
		return 5; // unsupported
	}
}

// The types of requests and actions, and their codes up to a point, are as they were.
static struct of_error to_1_0(const struct of_error *e)
{
	const struct of_error refused = {OFPET_BAD_REQUEST, OFPBRC_EPERM, 0};

	switch (e->type) {
	case OFPET_HELLO_FAILED:
		return *e;
	case OFPET_BAD_REQUEST:
		return e->code <= OFPBRC_BUFFER_UNKNOWN ? *e : refused;
	case OFPET_BAD_ACTION:
		if (e->code <= OFPBAC_BAD_QUEUE)
			return *e;
		return (struct of_error){OFPET_BAD_ACTION, OFPBAC_BAD_ARGUMENT, 0};
	case OFPET_FLOW_MOD_FAILED:
		return (struct of_error){3, flow_mod_code_1_0(e->code), 0};
	case OFPET_BAD_MATCH:
	case OFPET_BAD_INSTRUCTION:
		return (struct of_error){3, 5, 0};
	case OFPET_PORT_MOD_FAILED:
		return e->code <= OFPPMFC_BAD_HW_ADDR ? (struct of_error){4, e->code, 0} : refused;
	case OFPET_QUEUE_OP_FAILED:
		return (struct of_error){5, e->code, 0};
	case OFPET_EXPERIMENTER:
		return e->experimenter == OF_EXPERIMENTER_NICIRA ? *e : refused;
	default:
		return refused;
	}
}

// As 1.0 has errors of vendors: a type and a code of the vendor's own before the request.
static int write_nicira_1_0(
	struct of_writer *w, uint16_t code, uint32_t xid, const void *request, size_t len)
{
	uint8_t data[8 + OF_ERROR_DATA];
	const struct of_error_msg m = {.xid = xid, .type = 0xb0c2, .data = {data, 8 + len}};

	of_store32(data, OF_EXPERIMENTER_NICIRA);
	of_store16(data + 4, code == OF_NXERR_CONJUNCTION ? OFPET_BAD_ACTION : OFPET_BAD_REQUEST);
	of_store16(data + 6, (uint16_t)(code + (code < 34 ? 511 : 499)));
	memcpy(data + 8, request, len);
	return of_error_msg_write(w, &m);
}

int of_error_write(struct of_writer *w, const struct of_error *e, const void *request, size_t len)
{
	const struct of_error as = w->version == 1 ? to_1_0(e) : *e;
	const struct of_error_msg m = {
		.xid = len >= 8 ? of_load32((const uint8_t *)request + 4) : 0,
		.type = as.type,
		.code = as.code,
		.experimenter = as.experimenter,
		.data = {request, len < OF_ERROR_DATA ? len : OF_ERROR_DATA},
	};

	if (w->version == 1 && as.type == OFPET_EXPERIMENTER)
		return write_nicira_1_0(w, as.code, m.xid, request, m.data.len);
	return of_error_msg_write(w, &m);
}
