/* SPDX-License-Identifier: MIT */
/* Plays scenarios on a lone peer whose disk may fail at any call. */
#include "test/unit/storage/crash_play.h"

#include <stdio.h>

#include "overlay/base/invariant.h"
#include "storage/outage.h"
#include "storage/storage_state.h"

#define PLAY_SIGNERS_MAX 32
#define PLAY_LINE_MAX 256

/* The peer's own identity (0) and other certificates of the same user; made once. */
static struct fake_security *signers[PLAY_SIGNERS_MAX];

static struct fake_security *play_signer(uint32_t number)
{
	struct node_id id = { { 0x77, (uint8_t)number } };
	uint8_t certificate[FAKE_CERTIFICATE_MAX];
	size_t len;

	if (signers[number] == NULL) {
		len = fake_certificate_put(certificate, &id, 1, LONE_USER, (struct walltime){ 0 },
					   (struct walltime){ 2 * LONE_WALL_MS });
		signers[number] = fake_security_new(1, slice_of(certificate, len));
	}
	return signers[number];
}

/* ---- What storage shows ---- */

static int play_compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

char *play_listing(struct play *p)
{
	char (*lines)[PLAY_LINE_MAX] = NULL;
	size_t count = 0, room = 0, cursor = 0, len = 0;
	struct storage_row row;
	char *out;

	while (storage_next(p->l->storage, p->now, &cursor, &row)) {
		struct slice value = row.data.value.data.value;
		unsigned sum = 0;

		if (count == room) {
			room = room == 0 ? 16 : 2 * room;
			lines = memory_resize(lines, room * sizeof(*lines));
		}
		for (size_t i = 0; i < value.len; i++)
			sum = sum * 31 + value.data[i];
		memset(lines[count], 0, sizeof(lines[count]));
		snprintf(lines[count++], PLAY_LINE_MAX,
			 "%02x%02x %x %u:%.*s = %s%zu %.*s %x time %llu gen %llu by %02x\n",
			 row.resource.bytes[0], row.resource.bytes[1], row.kind, row.data.value.index,
			 (int)row.data.value.key.len,
			 row.data.value.key.len == 0 ? "" : (const char *)row.data.value.key.data,
			 row.data.value.data.exists ? "" : "no ", value.len, value.len < 20 ? (int)value.len : 20,
			 value.len == 0 ? "" : (const char *)value.data, sum,
			 (unsigned long long)row.data.storage_time, (unsigned long long)row.generation,
			 row.signer.bytes[1]);
	}
	if (count > 1)
		qsort(lines, count, sizeof(*lines), play_compare);
	out = memory_alloc(count * PLAY_LINE_MAX + 1);
	for (size_t i = 0; i < count; i++)
		len += (size_t)snprintf(out + len, PLAY_LINE_MAX, "%s", lines[i]);
	free(lines);
	return out;
}

void play_learn(const struct play_scenario *scenario, char *listings[PLAY_STEPS_MAX + 1])
{
	struct play p = { .scenario = scenario, .now = { { 1000000 }, { LONE_WALL_MS } } };

	p.backend = backend_memory();
	ck_assert_int_eq(play_boot(&p), 0);
	for (listings[0] = play_listing(&p); p.done < scenario->count; listings[p.done] = play_listing(&p))
		ck_assert_msg(play_step(&p) == 0, "%s: step %zu", scenario->name, p.done);
	lone_free(p.l);
	p.backend.ops->close(p.backend.ctx);
}

void play_forget(char *listings[PLAY_STEPS_MAX + 1], size_t count)
{
	for (size_t i = 0; i <= count; i++)
		free(listings[i]);
}

/* ---- The machine ---- */

int play_boot(struct play *p)
{
	static struct configuration *configuration;
	struct security security = fake_security_port(play_signer(0));
	int err = 0;

	if (configuration == NULL)
		configuration = lone_configuration();
	p->detail[0] = '\0';
	if (p->vfs != NULL) {
		vfs_seed_sqlite(p->vfs);
		err = backend_sqlite_vfs(PLAY_PATH, vfs_name(p->vfs), &p->backend, p->detail,
					 sizeof(p->detail));
	}
	if (err != 0)
		return err;
	p->open = true;
	p->l = lone_new_with(&p->backend, &security, configuration, p->now, &err);
	return err;
}

void play_down(struct play *p)
{
	if (p->l != NULL)
		lone_free(p->l);
	p->l = NULL;
	if (p->open && p->vfs != NULL)
		p->backend.ops->close(p->backend.ctx);
	p->open = false;
}

/* ---- Steps ---- */

static struct stored_data play_value(struct play *p, const struct play_step *step)
{
	struct security security = fake_security_port(play_signer(step->signer));
	struct resource_id resource = lone_resource(p->l, LONE_USER);
	struct stored_data data = {
		.storage_time = step->time,
		.lifetime = 1000,
		.value = {
			.model = (uint8_t)kind_find(&peer_configuration(p->l->peer)->kinds, step->kind)->model,
			.index = step->index,
			.key = step->key == NULL ? SLICE_EMPTY : slice_text(step->key),
			.data.exists = step->text != NULL,
		},
	};

	if (step->text != NULL && step->fill == 0) {
		data.value.data.value = slice_text(step->text);
	} else if (step->text != NULL) {
		uint8_t *bytes = arena_alloc(&p->l->arena, step->fill);

		for (size_t i = 0; i < step->fill; i++)
			bytes[i] = (uint8_t)step->text[i % strlen(step->text)];
		data.value.data.value = slice_of(bytes, step->fill);
	}
	return lone_sign(p->l, &security, &resource, step->kind, data);
}

/* The answer of a Store, or ERR_STORAGE when there is none any more. */
static int play_request(struct play *p, struct slice body, uint32_t signer)
{
	struct security security = fake_security_port(play_signer(signer));
	struct slice certificate = security.ops->own_certificate(security.ctx);

	return lone_request(p->l, METHOD_STORE, body, &certificate, signer == 0 ? 0 : 1);
}

static int play_store(struct play *p, const struct play_step *step)
{
	struct resource_id resource = lone_resource(p->l, LONE_USER);
	struct stored_data data = play_value(p, step);
	struct store_kind_data kind = lone_kind_data(p->l, step->kind, 0, &data, 1);

	return play_request(p, lone_store_body(p->l, &resource, 0, &kind, 1), step->signer);
}

static int play_batch(struct play *p, const struct play_step *step)
{
	static const uint32_t kinds[] = { LONE_SINGLE, LONE_ARRAY, LONE_DICTIONARY };
	struct resource_id resource = lone_resource(p->l, LONE_USER);
	struct store_kind_data parts[3];

	for (size_t i = 0; i < 3; i++) {
		struct play_step one = *step;
		struct stored_data *data = arena_alloc(&p->l->arena, 2 * sizeof(*data));

		one.kind = kinds[i];
		one.index = kinds[i] == LONE_ARRAY ? step->index : 0;
		one.key = kinds[i] == LONE_DICTIONARY ? step->key : NULL;
		data[0] = play_value(p, &one);
		parts[i] = lone_kind_data(p->l, kinds[i], 0, data, 1);
	}
	return play_request(p, lone_store_body(p->l, &resource, 0, parts, 3), step->signer);
}

/* What a plausible holder's Store does, without the holder. */
static int play_replica(struct play *p, const struct play_step *step)
{
	struct storage *s = p->l->storage;
	struct security security = fake_security_port(play_signer(step->signer));
	struct slice der = security.ops->own_certificate(security.ctx);
	struct certificate_list bucket = { &der, 1 };
	struct resource_id resource = lone_resource(p->l, LONE_USER);
	struct checked_value v = {
		.kind = kind_find(&peer_configuration(p->l->peer)->kinds, step->kind),
		.data = play_value(p, step),
	};
	struct store_put put;
	struct stored_value *stored;
	struct node_id point;

	ck_assert_int_eq(node_id_from_resource_id(&resource, &point), 0);
	ck_assert_int_eq(storage_check_value(s, p->now, &resource, &bucket, &p->l->arena, &v), 0);
	put = (struct store_put){ &v.data, v.certificate, v.signer, v.not_after, step->time };
	stored = store_put(&s->store, p->now, &point, v.kind, &put);
	store_set_generation(&s->store, p->now, stored->kind, step->time);
	store_certificate_release(&s->store, v.certificate);
	lone_run(p->l);
	return outage_is_on(s) ? ERR_STORAGE : 0;
}

static int play_forget_resource(struct play *p)
{
	struct storage *s = p->l->storage;
	struct resource_id resource = lone_resource(p->l, LONE_USER);
	struct stored_resource *r;
	struct node_id point;

	ck_assert_int_eq(node_id_from_resource_id(&resource, &point), 0);
	r = store_resource(&s->store, &point);
	ck_assert_ptr_nonnull(r);
	store_remove_resource(&s->store, p->now, r);
	lone_run(p->l);
	return outage_is_on(s) ? ERR_STORAGE : 0;
}

static int play_restart(struct play *p)
{
	if (p->vfs != NULL) {
		play_down(p);
		return play_boot(p);
	}
	lone_free(p->l);
	p->l = NULL;
	return play_boot(p);
}

static int play_pass(struct play *p, uint64_t ms)
{
	lone_pass(p->l, ms);
	p->now = p->l->now;
	return 0; /* what has expired has expired, whatever the disk says */
}

int play_step(struct play *p)
{
	const struct play_step *step = &p->scenario->steps[p->done];
	int err = ERR_STORAGE;

	switch (step->action) {
	case PLAY_STORE:
		err = play_store(p, step);
		break;
	case PLAY_BATCH:
		err = play_batch(p, step);
		break;
	case PLAY_REPLICA:
		err = outage_is_on(p->l->storage) ? ERR_STORAGE : play_replica(p, step);
		break;
	case PLAY_FORGET:
		err = outage_is_on(p->l->storage) ? ERR_STORAGE : play_forget_resource(p);
		break;
	case PLAY_PASS:
		err = play_pass(p, step->time);
		break;
	case PLAY_RESTART:
		err = play_restart(p);
		break;
	}
	p->done += err == 0;
	return err;
}
