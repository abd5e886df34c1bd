/* SPDX-License-Identifier: MIT */
/* Hand-over: paced Stores of a whole range to one node, and one word when all is confirmed. */
#include "storage/hand_over.h"

#include <stdlib.h>

#include "overlay/base/invariant.h"
#include "storage/transfer.h"

struct hand_over {
	struct hand_over *next;
	struct storage *storage;
	struct node_id to;
	struct node_id *points; /* owned */
	size_t count;
	size_t at;          /* the next one to begin with */
	size_t outstanding; /* transfers */
	int err;            /* the first one met */
	storage_done_fn *done;
	void *done_ctx;
	struct timer timer;
};

static void hand_over_end(struct hand_over *job, struct now now)
{
	struct storage *s = job->storage;

	for (struct hand_over **link = &s->hand_overs; *link != NULL; link = &(*link)->next) {
		if (*link == job) {
			*link = job->next;
			break;
		}
	}
	log_info(peer_log(s->peer), "storage.handed_over", "resources=%zu result=%s", job->count,
		 error_name(job->err));
	if (job->done != NULL)
		job->done(job->done_ctx, now, job->err);
	free(job->points);
	free(job);
}

/* The receiver is out of reach: no use in trying the rest. */
static bool hand_over_is_hopeless(int err)
{
	return err == ERR_REQUEST_TIMEOUT || err == ERR_NO_ROUTE || err == ERR_LINK || err == ERR_CANCELLED;
}

static void hand_over_note(struct hand_over *job, int err)
{
	if (err == 0)
		return;
	if (job->err == 0)
		job->err = err;
	if (hand_over_is_hopeless(err))
		job->at = job->count;
}

/* Begins with one Resource. */
static void hand_over_resource(struct hand_over *job, struct now now, struct stored_resource *r)
{
	struct storage *s = job->storage;
	struct holder *h = store_holder(r, &job->to, true);
	struct transfer *under_way;
	int err;

	if (h != NULL)
		transfer_doubt(s, h);
	if (h != NULL && h->confirmed >= r->version && !h->in_flight)
		return;
	under_way = transfer_find(s, &r->point, &job->to);
	if (under_way != NULL && under_way->hand_over == NULL) {
		under_way->hand_over = job;
		job->outstanding++;
		return;
	}
	err = transfer_start(s, now, r, &job->to, 1, job);
	if (err == 0)
		job->outstanding++;
	else
		hand_over_note(job, err);
}

static void hand_over_step(void *ctx, struct now now)
{
	struct hand_over *job = ctx;

	while (job->at < job->count && job->outstanding < TRANSFERS_MAX) {
		struct stored_resource *r =
			store_resource(&job->storage->store, &job->points[job->at++]);

		if (r != NULL)
			hand_over_resource(job, now, r);
	}
	if (job->at >= job->count && job->outstanding == 0)
		hand_over_end(job, now);
}

void hand_over_start(struct storage *s, struct now now, const struct node_id *to,
			   const struct node_id *after, const struct node_id *upto,
			   storage_done_fn *done, void *done_ctx)
{
	struct hand_over *job = memory_alloc(sizeof(*job));
	size_t cursor = 0;
	void *item;

	job->storage = s;
	job->to = *to;
	job->done = done;
	job->done_ctx = done_ctx;
	job->points = memory_alloc((map_count(s->store.resources) + 1) * sizeof(*job->points));
	while (map_next(s->store.resources, &cursor, NULL, &item)) {
		const struct stored_resource *r = item;

		if (node_id_in_range(&r->point, after, upto))
			job->points[job->count++] = r->point;
	}
	job->next = s->hand_overs;
	s->hand_overs = job;
	/* By a timer: the caller's step ends before `done` is called. */
	timer_arm(peer_timers(s->peer), &job->timer, now.mono, hand_over_step, job);
}

void hand_over_transferred(struct hand_over *job, struct now now, struct stored_resource *r, int err)
{
	job->outstanding--;
	hand_over_note(job, err);
	if (err == 0 && r != NULL && !hand_over_is_hopeless(job->err))
		hand_over_resource(job, now, r);
	hand_over_step(job, now);
}

void hand_over_free_all(struct storage *s)
{
	while (s->hand_overs != NULL) {
		struct hand_over *job = s->hand_overs;

		s->hand_overs = job->next;
		timer_disarm(peer_timers(s->peer), &job->timer);
		free(job->points);
		free(job);
	}
}
