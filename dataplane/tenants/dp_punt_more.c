// SPDX-License-Identifier: Apache-2.0
#include "tenants/dp_punt_more.h"

#include <weft/ipc.h>

// metadata, tunnel_id, in_port with in_phy_port, and the tunnel's IPv4 addresses have members.
static bool dp_punt_word_is_more(unsigned word)
{
	const unsigned fixed = offsetof(struct weft_flow_key, actset_output) / 8,
		       packet = offsetof(struct weft_flow_key, eth_dst) / 8,
		       tunnel = WEFT_KEY_PACKET_BYTES / 8;

	return word >= fixed && (word < packet || word > tunnel);
}

static uint64_t dp_punt_words(const struct weft_flow_key *key, uint64_t words[WEFT_KEY_WORDS])
{
	uint64_t map = 0, word;
	unsigned n = 0;

	static_assert(offsetof(struct weft_flow_key, actset_output) == 24, "three words before it");
	static_assert(WEFT_KEY_PACKET_BYTES % 8 == 0, "tun_src and tun_dst are a word");
	for (unsigned i = 0; i < WEFT_KEY_WORDS; i++) {
		memcpy(&word, (const char *)key + 8 * (size_t)i, 8);
		if (!word || !dp_punt_word_is_more(i))
			continue;
		map |= 1ull << i;
		words[n++] = word;
	}
	return map;
}

// A copy in a buffer of its own; NULL: no buffer.
static struct rte_mbuf *dp_punt_continuation(
	struct rte_mempool *pool, const struct ft_packet_in *in)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	char *at = m ? rte_pktmbuf_append(m, in->continuation_len) : NULL;

	if (at)
		memcpy(at, in->continuation, in->continuation_len);
	else
		rte_pktmbuf_free(m);
	return at ? m : NULL;
}

struct rte_mbuf *dp_punt_more(
	struct rte_mempool *pool, const struct weft_flow_key *key, const struct ft_packet_in *in)
{
	uint16_t userdata = in->controller ? in->controller->userdata_len : 0;
	uint64_t words[WEFT_KEY_WORDS];
	struct weft_ipc_punt_more more = {.map = dp_punt_words(key, words),
		.userdata_len = userdata,
		.continuation_len = in->continuation_len};
	size_t bytes = weft_ipc_punt_more_bytes(&more) - in->continuation_len;
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	char *at;

	if (!m || (!more.map && !userdata && !in->continuation_len))
		return m;
	at = rte_pktmbuf_append(m, (uint16_t)bytes);
	if (at && in->continuation_len) {
		m->next = dp_punt_continuation(pool, in);
		at = m->next ? at : NULL;
	}
	if (!at) {
		rte_pktmbuf_free(m);
		return NULL;
	}
	memset(at, 0, bytes);
	memcpy(at, &more, sizeof(more));
	memcpy(at + sizeof(more), words, 8u * (unsigned)__builtin_popcountll(more.map));
	if (userdata)
		memcpy(at + ((const char *)weft_ipc_punt_userdata(&more) - (const char *)&more),
			in->controller + 1, userdata);
	return m;
}
