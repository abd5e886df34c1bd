/* SPDX-License-Identifier: MIT */
/* The pool of known HITs, and the first uses. Weaker ways of vouching than a record are held to the key that was first
 * seen for an AOR; a certificate or a record may bring another one, and then that is the key. */
#include "usage/hip/hip_known.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "overlay/base/invariant.h"
#include "overlay/base/log.h"
#include "overlay/base/map.h"

/* One HIT as known for one AOR. */
struct hip_pool_entry {
	struct hip_pool_entry *next; /* of the same HIT */
	struct hip_known known;
};

struct hip_pool {
	const struct log *log;
	struct map *entries; /* struct hip_pool_entry lists by HIT */
	size_t count;
	struct map *uses;    /* struct hip_first_use by AOR */
	uint64_t version;
};

const char *hip_vouched_name(enum hip_vouched vouched)
{
	static const char *const names[] = { "", "certificate", "record", "link", "first-use", "sdp" };

	return (unsigned)vouched < sizeof(names) / sizeof(names[0]) ? names[vouched] : "unknown";
}

struct hip_pool *hip_pool_new(uint64_t seed, const struct log *log)
{
	struct hip_pool *pool = memory_alloc(sizeof(*pool));

	pool->log = log;
	pool->entries = map_new(seed);
	pool->uses = map_new(seed + 1);
	return pool;
}

void hip_pool_free(struct hip_pool *pool)
{
	struct hip_pool_entry *entry, *next;
	struct slice key;
	size_t cursor = 0;
	void *value;

	if (pool == NULL)
		return;
	while (map_next(pool->entries, &cursor, &key, &value))
		for (entry = value; entry != NULL; entry = next) {
			next = entry->next;
			free(entry);
		}
	cursor = 0;
	while (map_next(pool->uses, &cursor, &key, &value))
		free(value);
	map_free(pool->entries);
	map_free(pool->uses);
	free(pool);
}

static struct slice hip_pool_key(const struct hit *hit)
{
	return slice_of(hit->bytes, HIT_LENGTH);
}

/* ---- First uses ---- */

static void hip_pool_changed(struct hip_pool *pool, struct hip_first_use *use, const struct hit *hit,
			     enum hip_vouched vouched)
{
	char was[HIT_TEXT_SIZE], is[HIT_TEXT_SIZE];

	log_warning(pool->log, "identity.changed", "user=%s first=%s now=%s vouched=%s", use->user,
		    hit_text(&use->hit, was), hit_text(hit, is), hip_vouched_name(vouched));
	if (!hit_equal(&use->pending, hit)) {
		use->pending = *hit;
		pool->version++;
	}
}

static void hip_pool_bind(struct hip_pool *pool, struct hip_first_use *use, const struct hit *hit)
{
	static const struct hit none;

	if (hit_equal(&use->hit, hit) && hit_is_zero(&use->pending))
		return;
	use->hit = *hit;
	use->pending = none;
	pool->version++;
}

static struct hip_first_use *hip_pool_remember(struct hip_pool *pool, const char *user, const struct hit *hit,
					       uint64_t seen_ms)
{
	struct hip_first_use *use;

	if (map_count(pool->uses) >= HIP_FIRST_USES_MAX)
		return NULL;
	use = memory_alloc(sizeof(*use));
	snprintf(use->user, sizeof(use->user), "%s", user);
	use->hit = *hit;
	use->seen_ms = seen_ms;
	(void)map_put(pool->uses, slice_text(use->user), use);
	pool->version++;
	return use;
}

/* Whether the AOR may go by this HIT. */
static int hip_pool_admit(struct hip_pool *pool, struct now now, const struct hip_known *known)
{
	struct hip_first_use *use = map_find(pool->uses, slice_text(known->user));
	bool is_strong = known->vouched == HIP_VOUCHED_CERTIFICATE || known->vouched == HIP_VOUCHED_RECORD;

	if (known->user[0] == '\0')
		return 0;
	if (use == NULL) {
		/* What is proven is remembered too: nobody may take the name later with less. Without room the rule
		 * could not be kept: then the weak ways bring nothing. */
		if (hip_pool_remember(pool, known->user, &known->hit, now.wall.ms) == NULL && !is_strong)
			return ERR_LIMIT;
		return 0;
	}
	if (is_strong) {
		hip_pool_bind(pool, use, &known->hit);
		return 0;
	}
	if (hit_equal(&use->hit, &known->hit))
		return 0;
	hip_pool_changed(pool, use, &known->hit, known->vouched);
	return ERR_FORBIDDEN;
}

bool hip_pool_next_first_use(const struct hip_pool *pool, size_t *cursor, struct hip_first_use *out)
{
	struct slice key;
	void *value;

	if (!map_next(pool->uses, cursor, &key, &value))
		return false;
	*out = *(const struct hip_first_use *)value;
	return true;
}

int hip_pool_trust(struct hip_pool *pool, struct now now, const char *user, const struct hit *hit)
{
	struct hip_first_use *use = map_find(pool->uses, slice_text(user));
	struct hit chosen;

	if (use == NULL) {
		if (hit == NULL || strlen(user) > USER_NAME_MAX)
			return ERR_NOT_FOUND;
		return hip_pool_remember(pool, user, hit, now.wall.ms) == NULL ? ERR_LIMIT : 0;
	}
	if (hit == NULL && hit_is_zero(&use->pending))
		return ERR_NOT_FOUND;
	chosen = hit != NULL ? *hit : use->pending;
	hip_pool_bind(pool, use, &chosen);
	return 0;
}

int hip_pool_forget(struct hip_pool *pool, const char *user)
{
	struct hip_first_use *use = map_remove(pool->uses, slice_text(user));

	if (use == NULL)
		return ERR_NOT_FOUND;
	free(use);
	pool->version++;
	return 0;
}

int hip_pool_restore(struct hip_pool *pool, const struct hip_first_use *use)
{
	struct hip_first_use *own;
	uint64_t version = pool->version;

	if (map_find(pool->uses, slice_text(use->user)) != NULL)
		return ERR_DUPLICATE;
	own = hip_pool_remember(pool, use->user, &use->hit, use->seen_ms);
	if (own == NULL)
		return ERR_LIMIT;
	own->pending = use->pending;
	pool->version = version; /* the file says so already */
	return 0;
}

uint64_t hip_pool_version(const struct hip_pool *pool)
{
	return pool->version;
}

/* ---- The pool ---- */

static void hip_pool_remove(struct hip_pool *pool, const struct hip_pool_entry *entry)
{
	struct hit hit = entry->known.hit;
	struct hip_pool_entry *head = map_find(pool->entries, hip_pool_key(&hit)), **at = &head;

	while (*at != entry) {
		invariant(*at != NULL);
		at = &(*at)->next;
	}
	*at = entry->next;
	free((void *)entry);
	pool->count--;
	(void)map_remove(pool->entries, hip_pool_key(&hit));
	if (head != NULL)
		(void)map_put(pool->entries, hip_pool_key(&hit), head);
}

/* The one that expires first gives way. */
static void hip_pool_make_room(struct hip_pool *pool)
{
	const struct hip_pool_entry *first = NULL, *entry;
	struct slice key;
	size_t cursor = 0;
	void *value;

	if (pool->count < HIP_KNOWN_MAX)
		return;
	while (map_next(pool->entries, &cursor, &key, &value))
		for (entry = value; entry != NULL; entry = entry->next)
			if (first == NULL || instant_before(entry->known.expires, first->known.expires))
				first = entry;
	if (first != NULL)
		hip_pool_remove(pool, first);
}

int hip_pool_learn(struct hip_pool *pool, struct now now, const struct hip_known *told)
{
	const struct hip_first_use *use = map_find(pool->uses, slice_text(told->user));
	struct hip_known changed = *told, *known = &changed;
	struct hip_pool_entry *entry, *head;
	int err;

	/* A key that was seen before, and is the same, is more than what anybody may have said just now. */
	if (told->vouched == HIP_VOUCHED_SDP && told->user[0] != '\0' && use != NULL &&
	    hit_equal(&use->hit, &told->hit))
		known->vouched = HIP_VOUCHED_FIRST_USE;
	err = hip_pool_admit(pool, now, known);
	if (err < 0)
		return err;
	head = map_find(pool->entries, hip_pool_key(&known->hit));
	for (entry = head; entry != NULL; entry = entry->next)
		if (strcmp(entry->known.user, known->user) == 0)
			break;
	if (entry == NULL) {
		hip_pool_make_room(pool);
		head = map_find(pool->entries, hip_pool_key(&known->hit));
		entry = memory_alloc(sizeof(*entry));
		entry->known = *known;
		entry->next = head;
		(void)map_put(pool->entries, hip_pool_key(&known->hit), entry);
		pool->count++;
		return 0;
	}
	/* What vouches better stays while it lasts; the same prolongs it. */
	if (known->vouched > entry->known.vouched && !instant_due(entry->known.expires, now.mono)) {
		if (instant_before(entry->known.expires, known->expires) && known->vouched <= HIP_VOUCHED_LINK)
			entry->known.expires = known->expires;
		return 0;
	}
	entry->known = *known;
	return 0;
}

const struct hip_known *hip_pool_find(const struct hip_pool *pool, struct now now, const struct hit *hit)
{
	const struct hip_pool_entry *entry, *best = NULL;

	for (entry = map_find(pool->entries, hip_pool_key(hit)); entry != NULL; entry = entry->next)
		if (!instant_due(entry->known.expires, now.mono) &&
		    (best == NULL || entry->known.vouched < best->known.vouched))
			best = entry;
	return best == NULL ? NULL : &best->known;
}

/* The cursor counts entries. */
bool hip_pool_next(const struct hip_pool *pool, size_t *cursor, struct hip_known *out)
{
	const struct hip_pool_entry *entry;
	size_t at = 0, inner = 0;
	struct slice key;
	void *value;

	while (map_next(pool->entries, &inner, &key, &value))
		for (entry = value; entry != NULL; entry = entry->next)
			if (at++ == *cursor) {
				(*cursor)++;
				*out = entry->known;
				return true;
			}
	return false;
}
