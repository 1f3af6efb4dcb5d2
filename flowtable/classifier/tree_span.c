// SPDX-License-Identifier: Apache-2.0
// Finds spans (tree_span.h) among rules that lie side by side. Pieces that differ in the lower port
// alone make a row; rows that have the same pieces and follow each other in the upper port make a
// span.
#include "flowtable/classifier/tree_plan.h"

#include <stdlib.h>

#define PIECES 30u // of a range, at most

static uint32_t low_of(const struct ft_span *s, unsigned upper)
{
	return ft_port_of(s->low, upper);
}

static uint32_t size_of(const struct ft_span *s, unsigned upper)
{
	return ft_port_of(s->size, upper);
}

// The same range of one port.
static bool alike(const struct ft_span *a, const struct ft_span *b, unsigned upper)
{
	return low_of(a, upper) == low_of(b, upper) && size_of(a, upper) == size_of(b, upper);
}

static bool follows(const struct ft_span *a, const struct ft_span *b, unsigned upper)
{
	return low_of(a, upper) + size_of(a, upper) + 1 == low_of(b, upper);
}

uint32_t ft_tree_size_number(const struct ft_tree_plan *p, uint32_t size)
{
	uint32_t i = FT_SPAN_BLOCKS;

	if (!(size & (size + 1)))
		return (uint32_t)__builtin_popcount(size);
	while (i < p->n_sizes && p->tree->size[i] != size)
		i++;
	return i;
}

// There is room for some sizes that no mask has.
static bool takes_size(struct ft_tree_plan *p, uint32_t size)
{
	uint32_t i = ft_tree_size_number(p, size);

	if (i < p->n_sizes)
		return true;
	if (i == FT_SPAN_SIZES)
		return false;
	p->tree->size[p->n_sizes++] = (uint16_t)size;
	return true;
}

// How many of the n that follow each other in one port, the first from `low` on, are a range's
// pieces, from the first on.
static uint32_t pieces_of(struct ft_tree_plan *p, uint32_t low, const uint32_t end[], uint32_t n)
{
	for (; n > 1; n--)
		if (ft_piece_of(low, end[n - 1] - low, low).of == n &&
			takes_size(p, end[n - 1] - low))
			return n;
	return 1;
}

// ---- rows

static uint32_t row_length(struct ft_tree_plan *p, const struct ft_tree_item *item, uint32_t n)
{
	uint32_t end[PIECES], i = 0;

	do {
		end[i] = low_of(&item[i].ports, 0) + size_of(&item[i].ports, 0);
		i++;
	} while (i < n && i < PIECES && alike(&item[i - 1].ports, &item[i].ports, 1) &&
		 follows(&item[i - 1].ports, &item[i].ports, 0));
	return pieces_of(p, low_of(&item[0].ports, 0), end, i);
}

static uint32_t make_rows(struct ft_tree_plan *p, const struct ft_tree_item *item, uint32_t n)
{
	uint32_t rows = 0, length;

	for (uint32_t i = 0; i < n; i += length) {
		struct ft_tree_row *row = &p->row[rows++];
		const struct ft_span *last;

		length = row_length(p, &item[i], n - i);
		last = &item[i + length - 1].ports;
		*row = (struct ft_tree_row){.at = i, .n = length, .ports = item[i].ports};
		row->ports.size = size_of(last, 1) << 16 |
				  (low_of(last, 0) + size_of(last, 0) - low_of(&row->ports, 0));
	}
	return rows;
}

// ---- spans

static uint32_t span_height(struct ft_tree_plan *p, const struct ft_tree_row *row, uint32_t n)
{
	uint32_t end[PIECES], i = 0;

	do {
		end[i] = low_of(&row[i].ports, 1) + size_of(&row[i].ports, 1);
		i++;
	} while (i < n && i < PIECES && row[i].n == row[0].n &&
		 alike(&row[i - 1].ports, &row[i].ports, 0) &&
		 follows(&row[i - 1].ports, &row[i].ports, 1));
	return pieces_of(p, low_of(&row[0].ports, 1), end, i);
}

// Puts the rows' rules side by side; the first of these knows of the span.
static struct ft_tree_item *put_span(struct ft_tree_item *to, const struct ft_tree_item *item,
	const struct ft_tree_row *row, uint32_t height)
{
	const struct ft_span *last = &row[height - 1].ports;
	struct ft_tree_item *first = to;
	struct ft_span all = row->ports;

	all.size = (low_of(last, 1) + size_of(last, 1) - low_of(&all, 1)) << 16 | size_of(&all, 0);
	for (uint32_t i = 0; i < height; i++, to += row->n)
		memcpy(to, item + row[i].at, row->n * sizeof(*to));
	first->pieces = height * row->n;
	first->ports = all;
	return to;
}

static int by_ports(const void *a, const void *b)
{
	const struct ft_span *x = &((const struct ft_tree_item *)a)->ports;
	const struct ft_span *y = &((const struct ft_tree_item *)b)->ports;

	if (x->low != y->low)
		return x->low < y->low ? -1 : 1;
	return (x->size > y->size) - (x->size < y->size);
}

static int by_lower_port(const void *a, const void *b)
{
	const struct ft_span *x = &((const struct ft_tree_row *)a)->ports;
	const struct ft_span *y = &((const struct ft_tree_row *)b)->ports;

	for (unsigned upper = 0; upper < 2; upper++) {
		if (low_of(x, upper) != low_of(y, upper))
			return low_of(x, upper) < low_of(y, upper) ? -1 : 1;
		if (size_of(x, upper) != size_of(y, upper))
			return size_of(x, upper) < size_of(y, upper) ? -1 : 1;
	}
	return 0;
}

uint32_t ft_tree_find_spans(struct ft_tree_plan *p, struct ft_tree_item *item, uint32_t n)
{
	uint32_t rows, spans = 0, height, odd = 0;
	struct ft_tree_item *to = p->spare;

	qsort(item, n, sizeof(*item), by_ports);
	for (; n && ft_span_is_odd(item[n - 1].ports); n--)
		odd++;
	rows = make_rows(p, item, n);
	qsort(p->row, rows, sizeof(p->row[0]), by_lower_port);
	for (uint32_t i = 0; i < rows; i += height, spans++) {
		height = span_height(p, &p->row[i], rows - i);
		to = put_span(to, item, &p->row[i], height);
	}
	memcpy(item, p->spare, n * sizeof(*item));
	return spans + odd;
}
