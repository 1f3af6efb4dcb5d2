// SPDX-License-Identifier: Apache-2.0
#pragma once
// A map from a 32-bit number (group, meter, port) to a pointer, that workers read with no lock.
//
// Open addressing. A slot keeps its number for as long as its array lives, so a reader can't take
// one number's pointer for another's; deleting clears the pointer only, and growing, which leaves
// the dead behind, replaces the array. The writer alone changes it. The hash is keyed: a controller
// that chooses numbers can't choose long probes.

#include <stdatomic.h>
#include <weft/types.h>

struct ft_garbage_list;

struct ft_idmap_slot {
	_Atomic uint32_t key_plus_1; // 0: free
	_Atomic(void *) ptr;
};

struct ft_idmap_array;

struct ft_idmap {
	_Atomic(struct ft_idmap_array *) array; // NULL: nothing yet
	uint32_t used;                          // slots with a number, the dead included
	uint32_t live;
	uint64_t key; // odd
};

void ft_idmap_init(struct ft_idmap *, uint64_t seed);

// Workers and writer. NULL: not there. Numbers up to 0xfffffffe.
void *ft_idmap_find(const struct ft_idmap *, uint32_t id);
// Before that: what it looks at first, and then, once that is there.
void ft_idmap_prefetch(const struct ft_idmap *);
void ft_idmap_prefetch_slot(const struct ft_idmap *, uint32_t id);
// Writer. Makes room so that the next ft_idmap_set() of a new number can't fail. False: no memory.
bool ft_idmap_reserve(struct ft_idmap *, struct ft_garbage_list *);
// ptr not NULL. The number is there already, or room was reserved.
void ft_idmap_set(struct ft_idmap *, uint32_t id, void *ptr);
void ft_idmap_del(struct ft_idmap *, uint32_t id);
// Writer: goes over what is there; *pos starts at 0. NULL: the end. Deleting while iterating is
// fine, adding is not.
void *ft_idmap_next(const struct ft_idmap *, uint32_t *pos);
// With no reader left.
void ft_idmap_fini(struct ft_idmap *);
