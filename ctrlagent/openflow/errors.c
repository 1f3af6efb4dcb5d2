// SPDX-License-Identifier: Apache-2.0
#include "openflow/errors.h"

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

	for (size_t i = 0; e < WEFT_E_MAX && i < of_error_names_count; i++) {
		const struct of_error_name *n = &of_error_names[i];

		if (strcmp(n->name, of_names[e]) == 0 && n->low <= version && version <= n->high)
			return (struct of_error){n->type, n->code, 0};
	}
	return (struct of_error){OFPET_BAD_REQUEST, OFPBRC_EPERM, 0};
}

int of_error_write(struct of_writer *w, const struct of_error *e, const void *request, size_t len)
{
	const struct of_error_msg m = {
		.xid = len >= 8 ? of_load32((const uint8_t *)request + 4) : 0,
		.type = e->type,
		.code = e->code,
		.experimenter = e->experimenter,
		.data = {request, len < OF_ERROR_DATA ? len : OF_ERROR_DATA},
	};

	return of_error_msg_write(w, &m);
}
