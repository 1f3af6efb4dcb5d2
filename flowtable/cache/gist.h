// SPDX-License-Identifier: Apache-2.0
#pragma once
// The gist of a switch: all its tables as one, for packets whose way is not known.
//
// A new five-tuple mostly goes a way that others have gone before it: it meets the rules that they
// met, in what none of these ask about it differs. To find that out by the tables costs all that
// tables are made of: for each of them where it begins, its vectors, the rule, what that does,
// where it is counted, where that leads. Where a thousand tenants' packets come in turn all of it
// is far away, some sixty cache lines a packet. But few of them say which rules it is. So these are
// put together once the tables have come to rest, in one piece of memory: a sieve (bits.h) over the
// rules of all tables, table after table, and of each rule only its record and what is next.
//
//	walk        a packet's key to its *way*: which rule it meets in each table (gist_lookup.c)
//	look up     the way, with where the packet comes from, has a print of its own, and that may
//	            lead to a path as that of a frame does (cache.h)
//	learn       if not, the packet goes through the tables, and takes the path there
//
// For example, table 0 lets 10.0.0.0/8 go on to table 1, which sends 10.1.0.0/16 to port 3. A
// packet comes with a source port that nobody had before, so its flow is not known. Its key meets
// slot 0 of table 0 and slot 4 of table 1: the way 0x0400, with 0xff in each byte above. Packets
// before it have left a path under the print of that way, so it is counted there and leaves by port
// 3.
//
// What a packet of a known way costs is a dozen lines, whatever its rules do. Nothing of the tables
// is touched, and what it counts waits in its path.
//
// Many tables are asked one question only: is it from this port, is it for this machine? What the
// rules of all such tables want is one record beside the gist's head, and one comparison says of
// most packets that they meet all of them.
//
// Exactness. All packets of a way, in one kind of frame and from one place, go one path if what the
// rules do does not depend on anything else of a packet. So only rules are followed that do nothing
// but go on to the next table, and at the end one that does nothing but output, or drop. Whatever
// else there is ends the walk, and the packet goes through the tables. So does what looks at
// metadata that rules write: a walk has one key. That a path is taken for the way's is decided when
// it is learned: no version has come since the gist's, and the rules are the way's to the pointer.
//
// When rules change, the gist stays, until the switch has come to rest again. A path of it may
// outlive a change like any other (history.h), for it knows no more of its packets than what the
// way's rules ask for; and a path that does not hold is no path. So nothing is looked for and
// thrown away here either.
//
// One writer. A gist never changes; it is replaced as a whole.

#include "flowtable/classifier/bits.h"
#include "flowtable/txn.h"

#define FT_GIST_TABLES 8u // at most
#define FT_GIST_RULES FT_SIEVE_RULES

// What is next after a rule; else a table of the gist.
#define FT_GIST_END 0xffu  // nothing
#define FT_GIST_OPEN 0xfeu // only the tables know

// A byte for each table on the way, from the lowest: the slot of the rule that was met. 0xff: no
// table.
#define FT_GIST_MISS 0xfeu // none was met, which ends the way
#define FT_GIST_NO_WAY UINT64_MAX

struct ft_gist {
	struct ft_garbage garbage; // the writer's
	uint64_t version;          // that it is of
	uint32_t number;           // another one for each that the switch ever had
	uint8_t tables;
	uint8_t first[FT_GIST_TABLES + 1]; // slots of a table, by descending priority
	uint8_t table[FT_GIST_TABLES];     // its number
	bool plain;                        // asks only for what ft_gist_key() says of a plain frame
	// Tables of one rule, and perhaps one for all else, whose packets mostly meet the first:
	// bits, what is next then, and what all of these rules want, to be compared with a key at
	// once.
	uint8_t lone;
	uint8_t lone_next[FT_GIST_TABLES];
	_Alignas(64) struct ft_record lone_want;
	// Its records, and their rows, behind it. A record's rule is not followed: it may be gone.
	_Alignas(64) struct ft_bits sieve;
};
static_assert(sizeof(struct ft_gist) == 192, "three lines");

// The rows of a table's sieve are of one column each. A gist's are of two, the AND of both, for
// what a row costs is its cache line: so many pairs of columns, with 256 rows each, the first
// column being the lower four bits of their number. Where the second column is missing it says 0.
#define FT_GIST_PAIR_ROWS 256u
#define FT_GIST_NO_COLUMN ((struct ft_sieve_column){.piece = 0, .shift = 16})

static inline unsigned ft_gist_pairs(const struct ft_gist *g)
{
	return (g->sieve.n_columns + 1u) / 2;
}

static_assert(FT_GIST_TABLES == sizeof(uint64_t), "a byte each");

struct ft_path;
struct ft_switch;

// ---- workers

static inline void ft_gist_prefetch(const struct ft_gist *g)
{
	__builtin_prefetch(g);
	__builtin_prefetch(&g->sieve);
	__builtin_prefetch(&g->lone_want);
}

static inline unsigned ft_way_slot(uint64_t way, unsigned i)
{
	return way >> 8 * i & 0xff;
}

// What a gist that is plain may ask of a packet that came in by this port, in a frame that has a
// print (cache_key.h) and is IPv4 right behind the Ethernet header with TCP, UDP or ICMP: quicker
// than ft_extract(), which says the same. `key` is zero, or was given for another such frame.
void ft_gist_key(const uint8_t *data, uint32_t in_port, struct weft_flow_key *key);

// Did the packet that met these rules go this way?
bool ft_gist_is_way(const struct ft_gist *, uint64_t way, const struct ft_path *);

// The ways of n <= FT_BURST keys, each by a gist of its own; FT_GIST_NO_WAY: only the tables know.
// For each instruction set; isa.c chooses.
typedef void ft_gist_fn(const struct ft_gist *const g[], const struct weft_flow_key *const keys[],
	unsigned n, uint64_t ways[]);
ft_gist_fn ft_gist_scalar;
ft_gist_fn ft_gist_avx2;
ft_gist_fn ft_gist_avx512;
extern ft_gist_fn *ft_gist_walk;

// ---- writer: flowtable.h has ft_settle_gist()

// With no worker left.
void ft_gist_fini(struct ft_switch *);
