// SPDX-License-Identifier: Apache-2.0
#include "openflow/actions.h"

#include "openflow/oxm.h"
#include "openflow/stat_trigger.h"

// The lists are translated last, so that they lie in the order of struct weft_instructions whatever
// the order on the wire.
struct parsed {
	struct weft_instructions i;
	struct of_span apply;
	struct of_span write;
	struct weft_trigger trigger;
};

static struct of_error duplicate(uint8_t version)
{
	if (version >= 5)
		return (struct of_error){OFPET_BAD_INSTRUCTION, OFPBIC_DUP_INST, 0};
	return (struct of_error){OFPET_EXPERIMENTER, ONFERR_DUP_INSTRUCTION, OF_EXPERIMENTER_ONF};
}

static int take_goto(struct of_reader *it, struct parsed *p, uint8_t table)
{
	if (table >= WEFT_TABLES)
		return of_fail(it, OFPET_BAD_INSTRUCTION, OFPBIC_BAD_TABLE_ID);
	p->i.flags |= WEFT_INSTR_GOTO;
	p->i.goto_table = table;
	return 0;
}

static int take_meter(struct of_reader *it, struct parsed *p, uint32_t id)
{
	if (id == 0 || id > WEFT_METER_MAX)
		return of_fail(it, OFPET_METER_MOD_FAILED, OFPMMFC_INVALID_METER);
	p->i.meter_id = id;
	return 0;
}

static int take(struct of_reader *it, struct parsed *p, const struct of_instruction *in)
{
	switch (in->kind) {
	case OF_INSTRUCTION_GOTO_TABLE:
		return take_goto(it, p, in->goto_table.table_id);
	case OF_INSTRUCTION_WRITE_METADATA:
		p->i.metadata_mask = weft_htonll(in->write_metadata.metadata_mask);
		// With an empty mask it does nothing, and is not kept.
		p->i.metadata = p->i.metadata_mask ? weft_htonll(in->write_metadata.metadata) : 0;
		return 0;
	case OF_INSTRUCTION_WRITE_ACTIONS:
		p->i.flags |= WEFT_INSTR_WRITE;
		p->write = in->write_actions.actions;
		return 0;
	case OF_INSTRUCTION_APPLY_ACTIONS:
		p->i.flags |= WEFT_INSTR_APPLY;
		p->apply = in->apply_actions.actions;
		return 0;
	case OF_INSTRUCTION_CLEAR_ACTIONS:
		p->i.flags |= WEFT_INSTR_CLEAR;
		return 0;
	case OF_INSTRUCTION_METER:
		return take_meter(it, p, in->meter.meter_id);
	case OF_INSTRUCTION_STAT_TRIGGER:
		p->i.flags |= WEFT_INSTR_TRIGGER;
		return of_stat_trigger_read(it, &in->stat_trigger, &p->trigger);
	case OF_INSTRUCTION_EXPERIMENTER:
		return of_fail(it, OFPET_BAD_INSTRUCTION, OFPBIC_BAD_EXPERIMENTER);
	case OF_INSTRUCTION_NONE:
	case OF_INSTRUCTION_KINDS:
		break;
	}
	return of_fail(it, OFPET_BAD_INSTRUCTION, OFPBIC_UNKNOWN_INST);
}

static int parse(struct of_span in, uint8_t version, struct parsed *p, struct of_error *error)
{
	struct of_reader it = of_list(in, version);
	struct of_instruction one;
	unsigned seen = 0;

	memset(p, 0, sizeof(*p));
	it.bad_len = (struct of_error){OFPET_BAD_INSTRUCTION, OFPBIC_BAD_LEN, 0};
	while (of_instruction_next(&it, &one)) {
		if (seen >> one.kind & 1)
			of_fail_error(&it, duplicate(version));
		else
			take(&it, p, &one);
		seen |= 1u << one.kind;
	}
	*error = it.error;
	return of_status(&it);
}

ssize_t of_instructions_read(
	struct of_span in, uint8_t version, void *out, size_t room, struct of_error *error)
{
	struct parsed p;
	uint8_t *lists = (uint8_t *)out + sizeof(p.i);
	size_t trigger;
	ssize_t apply, write;

	if (parse(in, version, &p, error))
		return -EBADMSG;
	trigger = p.i.flags & WEFT_INSTR_TRIGGER ? sizeof(p.trigger) : 0;
	if (room < sizeof(p.i) + trigger) {
		*error = (struct of_error){OFPET_BAD_ACTION, OFPBAC_TOO_MANY, 0};
		return -EBADMSG;
	}
	room -= sizeof(p.i) + trigger;
	apply = of_actions_read(p.apply, version, 0, lists, room, error);
	if (apply < 0)
		return apply;
	write = of_actions_read(p.write, version, 0, lists + apply, room - (size_t)apply, error);
	if (write < 0)
		return write;
	p.i.apply_len = (uint16_t)apply;
	p.i.write_len = (uint16_t)write;
	memcpy(out, &p.i, sizeof(p.i));
	memcpy(lists + apply + write, &p.trigger, trigger);
	return (ssize_t)weft_instructions_bytes(out);
}

ssize_t of_instructions_read_actions(
	struct of_span in, uint8_t version, void *out, size_t room, struct of_error *error)
{
	struct weft_instructions i = {.flags = 0};
	ssize_t apply;

	if (room < sizeof(i)) {
		*error = (struct of_error){OFPET_BAD_ACTION, OFPBAC_TOO_MANY, 0};
		return -EBADMSG;
	}
	apply = of_actions_read(
		in, version, 0, (uint8_t *)out + sizeof(i), room - sizeof(i), error);
	if (apply < 0)
		return apply;
	i.flags = apply ? WEFT_INSTR_APPLY : 0;
	i.apply_len = (uint16_t)apply;
	memcpy(out, &i, sizeof(i));
	return (ssize_t)sizeof(i) + apply;
}

int of_instructions_write_actions(struct of_writer *w, const struct weft_instructions *in)
{
	int rc = of_actions_write(w, weft_instructions_apply(in), in->apply_len);
	bool more =
		in->meter_id || in->metadata_mask || in->flags & WEFT_INSTR_CLEAR || in->write_len;

	if (in->flags & WEFT_INSTR_GOTO)
		of_nx_action_resubmit_table_write(
			w, &(struct of_nx_action_resubmit_table){
				   (uint16_t)OFPP_IN_PORT, in->goto_table});
	if (w->error)
		return w->error;
	return rc || more ? -ENOTSUP : 0;
}

// An instruction around a list of actions, and a meter action before them unless it is 0.
static int put_list(
	struct of_writer *w, uint16_t type, uint32_t meter_id, const void *list, size_t bytes)
{
	size_t begin = of_begin(w);
	int rc;

	of_put_u16(w, type);
	of_put_u16(w, 0);
	of_put_zeros(w, 4);
	if (meter_id)
		of_action_meter_write(w, &(struct of_action_meter){meter_id});
	rc = of_actions_write(w, list, bytes);
	of_end(w, begin, 2, 8, 0);
	return rc;
}

// A meter is an instruction before 1.5, executed first (OpenFlow 1.3.5, 5.9), and an action from
// then on. A leading action of a rule that came in by the one goes out by the other as instruction.
static int put_meter_and_apply(struct of_writer *w, const struct weft_instructions *in)
{
	const struct weft_action *first = weft_instructions_apply(in);
	bool leads = in->apply_len && first->type == WEFT_ACTION_METER && !in->meter_id;
	uint32_t id = leads ? first->arg : in->meter_id;
	size_t skip = leads ? first->len : 0;

	if (id && w->version < 6)
		of_instruction_meter_write(w, &(struct of_instruction_meter){id});
	if (!(in->flags & WEFT_INSTR_APPLY) && (!id || w->version < 6))
		return w->error;
	return put_list(w, OFPIT_APPLY_ACTIONS, w->version < 6 ? 0 : id, (const char *)first + skip,
		in->apply_len - skip);
}

static void put_metadata(struct of_writer *w, const struct weft_instructions *in)
{
	const struct of_instruction_write_metadata m = {
		.metadata = weft_ntohll(in->metadata),
		.metadata_mask = weft_ntohll(in->metadata_mask),
	};

	of_instruction_write_metadata_write(w, &m);
}

int of_instructions_write(struct of_writer *w, const struct weft_instructions *in)
{
	int apply, write = 0;

	if (w->version == 1)
		return of_instructions_write_actions(w, in);
	if (in->flags & WEFT_INSTR_TRIGGER && w->version >= 6)
		of_stat_trigger_write(w, weft_instructions_trigger(in));
	apply = put_meter_and_apply(w, in);
	if (in->flags & WEFT_INSTR_CLEAR)
		of_instruction_clear_actions_write(w, &(struct of_instruction_clear_actions){0});
	if (in->flags & WEFT_INSTR_WRITE)
		write = put_list(
			w, OFPIT_WRITE_ACTIONS, 0, weft_instructions_write(in), in->write_len);
	if (in->metadata_mask)
		put_metadata(w, in);
	if (in->flags & WEFT_INSTR_GOTO)
		of_instruction_goto_table_write(
			w, &(struct of_instruction_goto_table){in->goto_table});
	if (w->error)
		return w->error;
	return apply ? apply : write;
}
