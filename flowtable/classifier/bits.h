// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bit vectors: a classifier's second form, for workers alone, while its rules are few.
//
// Where rules have many shapes, every tuple is probed for every key, at six cache lines each. A few
// thousand rules can be had cheaper: one bit a rule, and for each four bits of the key that some
// rule looks at (a column) sixteen rows of such bits, one for each value: the rules that take it.
// The rows that a key chooses, one a column, are ANDed, 512 rules an instruction, and what is left
// are the rules that match, exactly: shapes don't matter (the idea is that of Lakshman and
// Stiliadis, SIGCOMM 1998). Sixteen bits of which all rules that look at them want the same (an
// EtherType, a port of the switch, a table's metadata) are one column of two rows.
//
// Slots, one for each chain of rules with one match, are in order of descending priority, so that
// the first bit wins, and whole words are passed by once something better was found. All that is
// constant. Chains that come later go into the tail, in no order, which has rows of its own. When
// that has grown to half of the others, or that many have gone, all is made anew as the
// classifier is published; and when it is full, or a rule looks at what has no column, the vectors
// are dropped, and workers go to the tuples meanwhile. In either case not before an eighth of the
// rules has changed since: so a change costs a bounded time. Vectors are made only if they are
// expected to be quicker than the tuples.
//
// A hundred rules would so have some twenty rows a key, each in a line of its own, which is what
// counts where a thousand tenants have a hundred rules each. Up to FT_SIEVE_RULES rules therefore
// have a *sieve*: only the few columns that leave few rules to ask, and of each slot a *record*,
// one line with all pieces of the key that any rule looks at, as this slot's wants them. The
// records of the slots that come through are compared, in order, until one fits. Which columns is
// found by trial (sieve.c): keys made from the rules themselves are to meet few records. With three
// rules or less there is no column at all. Whatever its packets are, a key costs at most all
// records.
//
// One writer. A slot's bits are set before its rule is, and are never used again for another match;
// so a reader that finds a bit in all columns has a chain that matches. What a slot's chain has
// gone from is NULL.

#include "flowtable/classifier/shape.h"

#define FT_BITS_RULES 3072u // chains at most
#define FT_BITS_COLUMNS 64u // at most
#define FT_BITS_BLOCK 8u    // words that are ANDed at once
#define FT_BITS_DIRECT 3u   // so few rules are compared one by one

// Of columns; as arrays, so that one instruction sees many. The row of a key in column i:
//	row + min(((piece ^ value) & mask) >> shift, last)
// With all 16 rows `value` is 0; with two the first is of those that have what is wanted.
struct ft_columns {
	uint16_t piece[FT_BITS_COLUMNS]; // 16-bit word of the key
	uint16_t value[FT_BITS_COLUMNS];
	uint16_t mask[FT_BITS_COLUMNS];
	uint16_t shift[FT_BITS_COLUMNS];
	uint16_t last[FT_BITS_COLUMNS]; // 1 or 15
	uint16_t row[FT_BITS_COLUMNS];  // the column's first
} __attribute__((aligned(64)));

#define FT_BITS_NEAR_COLUMNS 32u
#define FT_BITS_NEAR_BYTES 128u // of the key

#define FT_SIEVE_RULES 128u
#define FT_SIEVE_COLUMNS 8u
#define FT_RECORD_PIECES 12u

// Of a sieve: four bits of a piece.
struct ft_sieve_column {
	uint8_t piece; // of the key
	uint8_t shift;
};

// What a slot's chain wants of the pieces.
struct ft_record {
	uint16_t value[FT_RECORD_PIECES]; // 0 where the mask is
	uint16_t mask[FT_RECORD_PIECES];
	_Atomic(struct ft_rule *) rule; // the chain's first
	uint16_t priority;              // the highest of the chain's, when it came
	uint16_t next;                  // of a gist (gist.h)
} __attribute__((aligned(64)));

// Where the columns say all.
struct ft_bits_full {
	struct ft_columns columns;
	_Atomic(struct ft_rule *) *rule; // a slot's chain's first
	uint16_t *priority;              // the highest of the chain's, when it came
	// the writer's
	uint16_t covered[sizeof(struct weft_flow_key) / 2];
};

// The writer's.
struct ft_bits_own {
	struct ft_garbage garbage;
	struct ft_bits *bits;
	uint32_t dead; // slots whose chain has gone
	bool raised;   // some chain has two slots: a rule above what it had came
};

// One line, behind which lie the records of a sieve, or a struct ft_bits_full.
struct ft_bits {
	uint32_t n;            // slots but for the tail,
	uint32_t first_tail;   // which begins at this slot
	_Atomic uint32_t tail; // slots in it
	uint16_t words;        // of a row: 1, 2, 4 or a multiple of 8
	uint16_t tail_words;   // likewise
	uint16_t tail_room;    // slots
	uint8_t n_columns;     // the choosiest first
	uint8_t n_pieces;      // of a record; 0: no sieve
	bool near;             // few columns, and of the beginning of the key
	// bytes from here
	uint32_t rows_at;
	uint32_t tail_rows_at;
	uint32_t own_at;
	union {
		struct ft_sieve_column column[FT_SIEVE_COLUMNS];
		uint32_t row_bits[FT_SIEVE_COLUMNS / 2]; // of a gist, which has no columns (gist.h)
	};
	uint8_t piece[FT_RECORD_PIECES];
} __attribute__((aligned(64)));
static_assert(sizeof(struct ft_bits) == 64 && sizeof(struct ft_record) == 64, "a line each");

static inline struct ft_bits_full *ft_bits_full(const struct ft_bits *b)
{
	return (struct ft_bits_full *)(uintptr_t)(b + 1);
}

static inline struct ft_record *ft_bits_record(const struct ft_bits *b, uint32_t slot)
{
	return (struct ft_record *)(uintptr_t)(b + 1) + slot;
}

static inline uint64_t *ft_bits_rows(const struct ft_bits *b)
{
	return (uint64_t *)(uintptr_t)((const char *)b + b->rows_at);
}

static inline _Atomic uint64_t *ft_bits_tail_rows(const struct ft_bits *b)
{
	return (_Atomic uint64_t *)(uintptr_t)((const char *)b + b->tail_rows_at);
}

struct ft_classifier;

// ---- workers

// As ft_classifier_lookup(). For each instruction set; isa.c chooses.
typedef void ft_bits_fn(const struct ft_bits *, uint64_t version,
	const struct weft_flow_key *const keys[], unsigned n, const struct ft_rule *rules[]);
ft_bits_fn ft_bits_scalar;
ft_bits_fn ft_bits_avx2;
ft_bits_fn ft_bits_avx512;

// Keys that each have vectors of their own, or NULL, which have been prefetched
// (ft_bits_prefetch()): the rules that they will most likely come to, which are being fetched then,
// not there yet. Of the tail and of versions nothing is asked: good for looking ahead (ahead.h) and
// for nothing else.
typedef void ft_bits_guess_fn(const struct ft_bits *const b[],
	const struct weft_flow_key *const keys[], unsigned n, const struct ft_rule *rules[]);
ft_bits_guess_fn ft_bits_guess_scalar;
ft_bits_guess_fn ft_bits_guess_avx2;
ft_bits_guess_fn ft_bits_guess_avx512;
extern ft_bits_guess_fn *ft_bits_guess;

// No records, but so few rules, and no tail, that they are compared one by one.
static inline bool ft_bits_is_direct(const struct ft_bits *b)
{
	return !b->n_pieces && b->n <= FT_BITS_DIRECT &&
	       !atomic_load_explicit(&b->tail, memory_order_acquire);
}

static inline void ft_bits_prefetch(const struct ft_bits *b)
{
	__builtin_prefetch(b);
}

// ---- writer; for classifier.c

// After a link: r is its chain's first rule now, before which `old` was; NULL: it is a new chain.
void ft_bits_link(struct ft_classifier *, struct ft_garbage_list *, struct ft_rule *r,
	const struct ft_rule *old);
// `old` was its chain's first rule; `next`, or none, is now.
void ft_bits_unlink(struct ft_classifier *, const struct ft_rule *old, struct ft_rule *next);
// The place to make them.
void ft_bits_publish(struct ft_classifier *, struct ft_garbage_list *);
// The classifier has come to rest: no tail, if there is one. True: that took time.
bool ft_bits_settle(struct ft_classifier *, struct ft_garbage_list *);
void ft_bits_fini(struct ft_classifier *);
// Something else is quicker.
void ft_bits_drop(struct ft_classifier *, struct ft_garbage_list *);
// Of a key, in cycles, roughly. UINT32_MAX: there are none.
uint32_t ft_bits_cost(const struct ft_classifier *);
// Of a key that goes through the tuples, likewise.
uint32_t ft_tuples_cost(const struct ft_classifier *);
