// SPDX-License-Identifier: Apache-2.0
#include "underlay/view.h"

void view_free(struct view *v)
{
	vec_free(&v->links);
	vec_free(&v->addresses);
	vec_free(&v->routes);
	vec_free(&v->neighbours);
	finder_free(&v->neighbour_ips);
}

static uint32_t hash_neighbour(int link, const struct weft_ip *ip)
{
	return finder_hash(ip, sizeof(*ip), (uint32_t)link);
}

void view_add_neighbour(struct view *v, const struct view_neighbour *n)
{
	vec_add(&v->neighbours, *n);
	finder_add(&v->neighbour_ips, hash_neighbour(n->link, &n->ip));
}

const struct view_link *view_link_by_index(const struct view *v, int index)
{
	VEC_FOR_EACH (l, &v->links)
		if (l->index == index)
			return l;
	return NULL;
}

const struct view_neighbour *view_neighbour_at(
	const struct view *v, int link, const struct weft_ip *ip)
{
	FINDER_EACH (at, &v->neighbour_ips, hash_neighbour(link, ip)) {
		const struct view_neighbour *n = &v->neighbours.at[at];
		if (n->link == link && weft_ip_equal(&n->ip, ip))
			return n;
	}
	return NULL;
}

bool view_has_address(const struct view *v, const struct weft_ip *ip)
{
	VEC_FOR_EACH (a, &v->addresses)
		if (weft_ip_equal(&a->ip, ip))
			return true;
	return false;
}
