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
// the first rule of table 0 and the fifth of table 1, and these numbers are its way. Packets before
// it have left a path under the print of that way, so it is counted there and leaves by port 3.
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
// Many rules. A sieve is good for some hundred rules; where there are more, a few bits of the key,
// those that tell the rules apart best (gist_split.c), say which *part* of all keys it is of, and
// each part is a gist of its own, of the rules that its keys can meet: some sixty. So what a packet
// costs is one line more, whether its tenant has two hundred rules or two thousand. A rule that
// leaves some of these bits open is in several parts, under the same number, so that its packets go
// the same way. Where rules would have to be in too many, there is no gist.
//
// One writer. A gist never changes; it is replaced as a whole. Of one part it is made at once, of
// several in steps, which a change of rules in between ends.

#include "flowtable/classifier/bits.h"
#include "flowtable/txn.h"

#define FT_GIST_TABLES 8u            // at most
#define FT_GIST_RULES 2048u          // of all tables, at most
#define FT_GIST_WHOLE FT_SIEVE_RULES // so many in one part
#define FT_GIST_SPLIT_BITS 8u        // so two to the eighth parts at most,
#define FT_GIST_PART 64u             // each of so many rules, better
#define FT_GIST_SPLIT_WORDS 4u
#define FT_GIST_ROWS 4u
#define FT_GIST_ROW_BITS 6u
#define FT_GIST_PART_ROW_BITS 5u
#define FT_GIST_COPIES 4u // of a rule in all parts, on the average, at most

// What is next after a rule; else a table of the gist.
#define FT_GIST_END 0xffu  // nothing
#define FT_GIST_OPEN 0xfeu // only the tables know

// What a slot's rule wants of the pieces of the key that rules ask for, and where it leads: half a
// line. Where those of tables of several rules ask for more pieces, it is two of these, of which
// the first leads.
#define FT_GIST_PIECES 7u
struct ft_gist_record {
	uint16_t value[FT_GIST_PIECES]; // 0 where the mask is
	uint16_t number;                // of the rule in its table
	uint16_t mask[FT_GIST_PIECES];
	uint16_t next;
} __attribute__((aligned(32)));
static_assert(sizeof(struct ft_gist_record) == 32 && 2 * FT_GIST_PIECES >= FT_RECORD_PIECES,
	"half a line, and all that there is");

// A number for each table, of as many bits as it takes (ft_gist.shift).
#define FT_GIST_PASSED 0u // it was not met,
#define FT_GIST_MISS 1u   // no rule of it was, which ends the way,
#define FT_GIST_MET 2u    // this one and above: the rule of that number
#define FT_GIST_NO_WAY UINT64_MAX

// Which part: bits of some words of the key, those of the first the lowest.
struct ft_gist_split {
	uint64_t mask[FT_GIST_SPLIT_WORDS];
	uint8_t word[FT_GIST_SPLIT_WORDS];
	uint32_t words;
};

// Of all keys, or of a part. Of several parts the first stands for the whole, and has no rules.
struct ft_gist {
	uint32_t number;     // another one for each that the switch ever had
	uint32_t own_at;     // the whole's; bytes from here
	uint32_t records_at; // likewise
	uint16_t parts;      // that follow; 0: it is in one
	uint8_t tables;
	uint8_t first[FT_GIST_TABLES + 1]; // slots of a table, by descending priority
	uint8_t shift[FT_GIST_TABLES + 1]; // where in a way its number begins
	bool plain;                        // asks only for what ft_gist_key() says of a plain frame
	bool wide;                         // a slot's record is two
	// Tables of one rule, and perhaps one for all else, whose packets mostly meet the first:
	// bits, what is next then, and what all of these rules want, to be compared with a key at
	// once. Else each of them has its two records behind those of the slots.
	uint8_t lone;
	uint8_t lone_next[FT_GIST_TABLES];
	uint8_t rows;                   // that a key looks at: in each of them
	uint8_t row_half[FT_GIST_ROWS]; // bits of this half word of the key, sieve.row_bits[],
	uint16_t row_at[FT_GIST_ROWS];  // from this row on,
	uint16_t row_end;               // up to this one in all
	union {
		_Alignas(64) struct ft_gist_record lone_want[2];
		struct ft_gist_split split; // if there are parts
	};
	// Its rows begin at rows_at, its records do not lie behind it. The first pieces are those
	// that rules of other than lone tables ask for.
	_Alignas(64) struct ft_bits sieve;
};
static_assert(sizeof(struct ft_gist) == 192, "three lines");

// What the writer wants to know of it, and who learns a way.
struct ft_gist_own {
	struct ft_garbage garbage;
	struct ft_gist *gist;
	uint64_t version; // that it is of
	uint16_t first[FT_GIST_TABLES + 1];
	const struct ft_rule *rule[]; // of each table by number; not followed: it may be gone
};

static inline struct ft_gist_own *ft_gist_own(const struct ft_gist *whole)
{
	return (struct ft_gist_own *)(uintptr_t)((const char *)whole + whole->own_at);
}

static inline struct ft_gist_record *ft_gist_record(const struct ft_gist *part, uint32_t slot)
{
	return (struct ft_gist_record *)(uintptr_t)((const char *)part + part->records_at) +
	       (slot << part->wide);
}

// Of a lone table.
static inline struct ft_gist_record *ft_gist_lone(const struct ft_gist *part, unsigned table)
{
	unsigned before = part->lone & ((1u << table) - 1);

	return ft_gist_record(part, part->sieve.n) + 2 * __builtin_popcount(before);
}

// The rows of a table's sieve are of a column each, four bits of the key that lie side by side.
// What a row costs is its cache line; so those of a gist are of up to six bits of a half word, any
// that tell the rules apart best, and there are four choices of a row at most (gist_rows.c). With
// eight bits there would hardly be fewer, and of a thousand tenants they would fill twice as many
// lines. Where there are several parts rows are of five bits.

struct ft_path;
struct ft_switch;

// ---- workers

static inline void ft_gist_prefetch(const struct ft_gist *g)
{
	__builtin_prefetch(g);
	__builtin_prefetch(&g->sieve);
	__builtin_prefetch(&g->lone_want);
}

// What a way says of table i.
static inline uint32_t ft_way_number(const struct ft_gist *g, uint64_t way, unsigned i)
{
	return (uint32_t)(way >> g->shift[i]) & ((1u << (g->shift[i + 1] - g->shift[i])) - 1);
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

// A step of one that ft_settle_gist() has begun. True: there is more to do.
bool ft_gist_grow(struct ft_switch *);
// With no worker left.
void ft_gist_fini(struct ft_switch *);
