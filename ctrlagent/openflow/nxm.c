// SPDX-License-Identifier: Apache-2.0
#include "openflow/nxm.h"

#include <weft/fields.h>

struct part {
	uint32_t header;
	uint16_t field;
	uint8_t at;    // the lowest of the header's bits that are the field's, from its bit 0 on
	uint8_t n;     // of them
	uint8_t named; // so many of the field's lowest bits go by the header
};

static const struct part parts[] = {
	{OF_NXM_IN_PORT, WEFT_FIELD_IN_PORT, 0, 16, 16},
	{OF_NXM_VLAN_TCI, WEFT_FIELD_VLAN_VID, 0, 13, 12},
	{OF_NXM_VLAN_TCI, WEFT_FIELD_VLAN_PCP, 13, 3, 0},
	{OF_NXM_IP_TOS, WEFT_FIELD_IP_DSCP, 2, 6, 0},
};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

unsigned of_nxm_bits(uint32_t header)
{
	for (unsigned i = 0; i < PARTS; i++)
		if (parts[i].header == header)
			return 8 * (header & 0xff);
	return 0;
}

#define CFI 12u // the bit of vlan_tci that says whether there is a tag

bool of_nxm_whole(uint32_t header, unsigned ofs, unsigned n_bits, struct weft_subfield *out)
{
	if (header != OF_NXM_VLAN_TCI || ofs > CFI || ofs + n_bits <= CFI)
		return false;
	*out = (struct weft_subfield){WEFT_FIELD_VLAN_TCI, (uint16_t)ofs, (uint16_t)n_bits, 0};
	return true;
}

unsigned of_nxm_part(uint32_t header, unsigned ofs, unsigned n_bits, struct weft_subfield *out)
{
	unsigned end = ofs + n_bits;

	*out = (struct weft_subfield){0};
	for (unsigned i = 0; i < PARTS; i++) {
		const struct part *p = &parts[i];
		unsigned p_end = p->at + p->n;

		if (p->header != header || p_end <= ofs)
			continue;
		if (p->at > ofs) { // nobody's, up to there
			end = end < p->at ? end : p->at;
			break;
		}
		end = end < p_end ? end : p_end;
		*out = (struct weft_subfield){
			p->field, (uint16_t)(ofs - p->at), (uint16_t)(end - ofs), 0};
		break;
	}
	return end - ofs;
}

uint32_t of_nxm_name(const struct weft_subfield *f)
{
	if (f->field == WEFT_FIELD_VLAN_TCI)
		return OF_NXM_VLAN_TCI;
	for (unsigned i = 0; i < PARTS; i++)
		if (parts[i].field == f->field && f->ofs + f->n_bits <= parts[i].named)
			return parts[i].header;
	return 0;
}
