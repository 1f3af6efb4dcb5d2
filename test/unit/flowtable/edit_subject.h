// SPDX-License-Identifier: Apache-2.0
#pragma once
// A random packet with its key, as edits want both.

#include "flowtable/packet/edit.h"
#include "flowtable/packet/extract.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include "frames.h"

static const uint8_t ones[16] = {
	255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};

struct subject {
	struct frame frame;
	struct weft_packet p;
	struct weft_flow_key k;
};

static inline void extract(struct subject *s)
{
	s->p = frame_packet(&s->frame);
	memset(&s->k, 0, sizeof(s->k));
	ft_extract(&s->p, &s->k);
}

static inline void make(struct subject *s)
{
	frame_make(&s->frame);
	extract(s);
}
