/* SPDX-License-Identifier: MIT */
/* An outage begins with a commit that fails and ends with one that succeeds: the first try comes after a second,
 * the others ever more rarely, for each may wait for a slow disk. Refusing in between keeps a peer that gets
 * hundreds of Stores a second from trying its disk as often, and their authors from waiting for it. */
#include "storage/outage.h"

#include "storage/replication.h"

#define OUTAGE_RETRY_FIRST_S 1u
#define OUTAGE_RETRY_LAST_S 60u

static void outage_try(void *ctx, struct now now);

static void outage_put_off(struct storage *s, struct now now)
{
	uint64_t wait_s = (uint64_t)OUTAGE_RETRY_FIRST_S << (s->outage_tries < 6 ? s->outage_tries : 6);

	s->outage_tries++;
	timer_arm(peer_timers(s->peer), &s->outage_timer,
		  instant_add(now.mono, duration_s(wait_s < OUTAGE_RETRY_LAST_S ? wait_s : OUTAGE_RETRY_LAST_S)),
		  outage_try, s);
}

void outage_begin(struct storage *s, struct now now, int err)
{
	log_error(peer_log(s->peer), "storage.commit_failed", "reason=%s", error_name(err));
	counter_error(peer_counters(s->peer), ERR_STORAGE);
	s->store.held = true;
	s->outage_tries = 0;
	outage_put_off(s, now);
}

bool outage_is_on(const struct storage *s)
{
	return timer_is_armed(&s->outage_timer);
}

/* Writes something and takes it away again: only a commit shows whether there is room. */
static int outage_probe(const struct backend *b)
{
	static const uint8_t nobody[CERTIFICATE_HASH_LENGTH];
	struct slice hash = slice_of(nobody, sizeof(nobody));
	int err = b->ops->put_certificate(b->ctx, hash, hash);

	return err != 0 ? err : b->ops->remove_certificate(b->ctx, hash);
}

static void outage_try(void *ctx, struct now now)
{
	struct storage *s = ctx;
	const struct backend *b = s->backend;
	int err = outage_probe(b);

	if (err == 0 && s->store.behind) {
		s->store.held = false;
		err = storage_tidy_backend(s, now);
		s->store.held = true;
	}
	if (err == 0)
		err = b->ops->commit(b->ctx);
	if (err != 0) {
		b->ops->rollback(b->ctx);
		log_info(peer_log(s->peer), "storage.still_failing", "tries=%u reason=%s", s->outage_tries,
			 error_name(err));
		counter_error(peer_counters(s->peer), ERR_STORAGE);
		outage_put_off(s, now);
		return;
	}
	log_warning(peer_log(s->peer), "storage.recovered", "tries=%u", s->outage_tries);
	s->store.held = s->store.behind = false;
	replication_topology_changed(s, now, s->replicas_settled);
}

void outage_free(struct storage *s)
{
	timer_disarm(peer_timers(s->peer), &s->outage_timer);
}
