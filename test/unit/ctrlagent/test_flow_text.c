// SPDX-License-Identifier: Apache-2.0
// Matches and actions as text.
#include "text/flow_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *port_name(void *arg, uint32_t ofport)
{
	return ofport == 1 ? "vm1" : NULL;
}

static const struct flow_names names = {port_name, NULL};
static struct weft_flow_key value, mask;

static int setup(void **state)
{
	memset(&value, 0, sizeof(value));
	memset(&mask, 0, sizeof(mask));
	return 0;
}

// A field by its bytes, exact.
static void set(enum weft_field f, const char *bytes)
{
	const struct weft_field_info *info = &weft_field_infos[f];

	memcpy(weft_key_field(&value, f), bytes, info->bytes);
	memset(weft_key_field(&mask, f), 0xff, info->bytes);
	if (info->bits % 8)
		*weft_key_field(&mask, f) = (uint8_t)((1u << info->bits % 8) - 1);
}

static void set_mask(enum weft_field f, const char *bytes)
{
	memcpy(weft_key_field(&mask, f), bytes, weft_field_infos[f].bytes);
}

static void expect(const char *want)
{
	struct weft_match m;
	struct text t = {0};

	weft_match_from_key(&m, &value, &mask);
	text_add(&t, "%s", "");
	text_add_match(&t, &names, &m);
	assert_string_equal(t.at, want);
	free(t.at);
}

static void test_nothing(void **state)
{
	expect("");
}

static void test_tcp(void **state)
{
	set(WEFT_FIELD_IN_PORT, "\0\0\0\1");
	set(WEFT_FIELD_ETH_TYPE, "\x08\0");
	set(WEFT_FIELD_IP_PROTO, "\x06");
	set(WEFT_FIELD_IPV4_SRC, "\x0a\0\0\1");
	set(WEFT_FIELD_IPV4_DST, "\x0a\1\0\0");
	set_mask(WEFT_FIELD_IPV4_DST, "\xff\xff\0\0");
	set(WEFT_FIELD_TCP_DST, "\0\x50");
	expect(",tcp,in_port=vm1,nw_src=10.0.0.1,nw_dst=10.1.0.0/16,tcp_dst=80");
}

static void test_arp_shares_words(void **state)
{
	set(WEFT_FIELD_ETH_TYPE, "\x08\x06");
	set(WEFT_FIELD_ARP_OP, "\0\2");
	set(WEFT_FIELD_ARP_TPA, "\x0a\0\0\2");
	set(WEFT_FIELD_ARP_SHA, "\2\0\0\0\0\1");
	expect(",arp,arp_op=2,arp_tpa=10.0.0.2,arp_sha=02:00:00:00:00:01");
}

static void test_icmpv6_nd(void **state)
{
	set(WEFT_FIELD_ETH_TYPE, "\x86\xdd");
	set(WEFT_FIELD_IP_PROTO, "\x3a");
	set(WEFT_FIELD_ICMPV6_TYPE, "\x87");
	memset(&mask.l4_src, 0xff, 2); // the whole container, as ND asks
	set(WEFT_FIELD_IPV6_ND_TARGET, "\xfc\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1");
	expect(",icmp6,icmpv6_type=135,nd_target=fc00::1");
}

static void test_masks(void **state)
{
	set(WEFT_FIELD_ETH_DST, "\1\0\0\0\0\0");
	set_mask(WEFT_FIELD_ETH_DST, "\1\0\0\0\0\0");
	set(WEFT_FIELD_METADATA, "\0\0\0\0\0\0\0\x12");
	set_mask(WEFT_FIELD_METADATA, "\0\0\0\0\0\0\0\xff");
	set(WEFT_FIELD_VLAN_VID, "\x10\x05");
	set(WEFT_FIELD_TUNNEL_ID, "\0\0\0\0\0\0\x13\x89");
	expect(",metadata=0x12/0xff,eth_dst=01:00:00:00:00:00/01:00:00:00:00:00,vlan_vid=0x1005,"
	       "tun_id=0x1389");
}

// ---- actions

static size_t put(char *at, enum weft_action_type type, uint32_t arg, const void *payload, size_t n)
{
	struct weft_action a = {(uint16_t)type, (uint16_t)(sizeof(a) + n), arg};

	memcpy(at, &a, sizeof(a));
	if (n)
		memcpy(at + sizeof(a), payload, n);
	return a.len;
}

static void test_instructions(void **state)
{
	static uint64_t buffer[64];
	struct weft_instructions *in = (void *)buffer;
	char *at = (char *)(in + 1);
	struct weft_action_output all = {.max_len = WEFT_MAX_LEN_ALL}, some = {.max_len = 128};
	struct weft_action_set_field dst = {
		.value = {2, 0, 0, 0, 0, 9}, .mask = {255, 255, 255, 255, 255, 255}};
	struct text t = {0};
	size_t n = 0;

	*in = (struct weft_instructions){.meter_id = 4,
		.metadata = weft_htonll(5),
		.metadata_mask = UINT64_MAX,
		.goto_table = 7,
		.flags = WEFT_INSTR_APPLY | WEFT_INSTR_WRITE | WEFT_INSTR_CLEAR | WEFT_INSTR_GOTO};
	n += put(at, WEFT_ACTION_SET_FIELD, WEFT_FIELD_ETH_DST, &dst, sizeof(dst));
	n += put(at + n, WEFT_ACTION_PUSH_VLAN, 0x8100, NULL, 0);
	n += put(at + n, WEFT_ACTION_DEC_NW_TTL, 0, NULL, 0);
	n += put(at + n, WEFT_ACTION_OUTPUT, WEFT_OFPORT_OVERLAY, &all, sizeof(all));
	n += put(at + n, WEFT_ACTION_OUTPUT, WEFT_OFPORT_CONTROLLER, &some, sizeof(some));
	in->apply_len = (uint16_t)n;
	in->write_len = (uint16_t)put(at + n, WEFT_ACTION_GROUP, 3, NULL, 0);
	text_add_instructions(&t, &names, in);
	assert_string_equal(t.at,
		"meter:4,set_field:02:00:00:00:00:09->eth_dst,push_vlan:0x8100,dec_ttl,"
		"output:overlay,CONTROLLER:128,clear_actions,"
		"write_actions(group:3),write_metadata:0x5,goto_table:7");
	free(t.at);
}

static void test_trigger(void **state)
{
	const struct {
		struct weft_instructions i;
		struct weft_trigger t;
	} in = {{.flags = WEFT_INSTR_TRIGGER | WEFT_INSTR_GOTO, .goto_table = 2},
		{WEFT_TRIGGER_PERIODIC | WEFT_TRIGGER_ONLY_FIRST, 0x1f,
			{3000000000, 1500000000, 1, 10, 64}}};
	struct text t = {0};

	text_add_instructions(&t, &names, &in.i);
	assert_string_equal(t.at,
		"stat_trigger(duration=3,idle_time=1.500000000,flow_count=1,packet_count=10,"
		"byte_count=64,periodic,only_first),goto_table:2");
	free(t.at);
}

static void test_drop(void **state)
{
	struct weft_instructions in = {0};
	struct text t = {0};

	text_add_instructions(&t, &names, NULL);
	text_add_instructions(&t, &names, &in);
	assert_string_equal(t.at, "dropdrop");
	free(t.at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_nothing, setup),
		cmocka_unit_test_setup(test_tcp, setup),
		cmocka_unit_test_setup(test_arp_shares_words, setup),
		cmocka_unit_test_setup(test_icmpv6_nd, setup),
		cmocka_unit_test_setup(test_masks, setup),
		cmocka_unit_test(test_instructions),
		cmocka_unit_test(test_trigger),
		cmocka_unit_test(test_drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
