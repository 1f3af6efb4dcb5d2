// SPDX-License-Identifier: Apache-2.0
#include "openflow/stat_trigger.h"

#include "openflow/oxs.h"

#define SECOND_NS 1000000000ull

static_assert(OFPSTF_PERIODIC == WEFT_TRIGGER_PERIODIC, "copied");
static_assert(OFPSTF_ONLY_FIRST == WEFT_TRIGGER_ONLY_FIRST, "copied");

static const uint8_t oxs_field[WEFT_STATS] = {
	[WEFT_STAT_DURATION] = OFPXST_DURATION,
	[WEFT_STAT_IDLE] = OFPXST_IDLE_TIME,
	[WEFT_STAT_FLOWS] = OFPXST_FLOW_COUNT,
	[WEFT_STAT_PACKETS] = OFPXST_PACKET_COUNT,
	[WEFT_STAT_BYTES] = OFPXST_BYTE_COUNT,
};

static void take(const struct of_oxs *oxs, struct weft_trigger *out)
{
	out->at[WEFT_STAT_DURATION] = oxs->duration_sec * SECOND_NS + oxs->duration_nsec;
	out->at[WEFT_STAT_IDLE] = oxs->idle_sec * SECOND_NS + oxs->idle_nsec;
	out->at[WEFT_STAT_FLOWS] = oxs->flow_count;
	out->at[WEFT_STAT_PACKETS] = oxs->packet_count;
	out->at[WEFT_STAT_BYTES] = oxs->byte_count;
	for (unsigned i = 0; i < WEFT_STATS; i++)
		out->present |= (oxs->present >> oxs_field[i] & 1) << i;
}

int of_stat_trigger_read(struct of_reader *it, const struct of_instruction_stat_trigger *in,
	struct weft_trigger *out)
{
	struct of_error error;
	struct of_oxs oxs;

	*out = (struct weft_trigger){.flags = in->flags};
	if (of_oxs_read(in->thresholds, &oxs, &error))
		return of_fail_error(it, error);
	take(&oxs, out);
	return weft_trigger_ok(out) ? 0 : of_fail(it, OFPET_BAD_INSTRUCTION, OFPBIC_UNSUP_INST);
}

void of_stat_trigger_write(struct of_writer *w, const struct weft_trigger *in)
{
	struct of_writer thresholds = {.version = w->version};
	struct of_oxs oxs = {
		.duration_sec = (uint32_t)(in->at[WEFT_STAT_DURATION] / SECOND_NS),
		.duration_nsec = (uint32_t)(in->at[WEFT_STAT_DURATION] % SECOND_NS),
		.idle_sec = (uint32_t)(in->at[WEFT_STAT_IDLE] / SECOND_NS),
		.idle_nsec = (uint32_t)(in->at[WEFT_STAT_IDLE] % SECOND_NS),
		.flow_count = (uint32_t)in->at[WEFT_STAT_FLOWS],
		.packet_count = in->at[WEFT_STAT_PACKETS],
		.byte_count = in->at[WEFT_STAT_BYTES],
	};

	for (unsigned i = 0; i < WEFT_STATS; i++)
		oxs.present |= (in->present >> i & 1) << oxs_field[i];
	of_oxs_write(&thresholds, &oxs);
	of_instruction_stat_trigger_write(
		w, &(struct of_instruction_stat_trigger){
			   .flags = in->flags, .thresholds = of_written(&thresholds)});
	of_writer_free(&thresholds);
}
