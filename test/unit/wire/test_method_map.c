/* SPDX-License-Identifier: MIT */
/* Every method of METHOD_MAP, request and answer: random bodies of each round trip, every truncation and one
 * byte more fail; and the same for whole messages around them. */
#include "overlay/wire/body_data.h"
#include "overlay/wire/body_misc.h"
#include "overlay/wire/body_routing.h"
#include "overlay/wire/hip_record.h"
#include "overlay/wire/method.h"
#include "test/unit/wire/codec.h"
#include "test/unit/wire/sample.h"

#define ROUNDS 8

static void *get_message(struct reader *r, struct arena *a)
{
	struct message *m = arena_alloc(a, sizeof(*m));

	return message_get(reader_bytes(r, reader_left(r)), a, m) == 0 ? m : NULL;
}

static void put_message(struct writer *w, const void *x)
{
	message_put(w, x);
}

static void *get_error(struct reader *r, struct arena *a)
{
	struct error_response *e = arena_alloc(a, sizeof(*e));

	error_response_get(r, e);
	return reader_finish(r) == 0 ? e : NULL;
}

static void put_error(struct writer *w, const void *x)
{
	error_response_put(w, x);
}

static void *get_carry(struct reader *r, struct arena *a)
{
	struct hip_carry *x = arena_alloc(a, sizeof(*x));

	hip_carry_get(r, x);
	return reader_finish(r) == 0 ? x : NULL;
}

static void put_carry(struct writer *w, const void *x)
{
	hip_carry_put(w, x);
}

static void *get_carry_answer(struct reader *r, struct arena *a)
{
	uint8_t *x = arena_alloc(a, sizeof(*x));

	hip_carry_answer_get(r, x);
	return reader_finish(r) == 0 ? x : NULL;
}

static void put_carry_answer(struct writer *w, const void *x)
{
	hip_carry_answer_put(w, *(const uint8_t *)x);
}

/* Bodies that are empty: LeaveAns, UpdateAns, ConfigUpdateAns, InspectReq. */
static void *get_empty(struct reader *r, struct arena *a)
{
	return reader_finish(r) == 0 ? arena_alloc(a, 1) : NULL;
}

static void put_empty(struct writer *w, const void *x)
{
	(void)w;
	(void)x;
}

ROUND_TRIP(attach)
ROUND_TRIP(app_attach)
ROUND_TRIP(join_req)
ROUND_TRIP(join_ans)
ROUND_TRIP(leave_req)
ROUND_TRIP(route_query_req)
ROUND_TRIP(route_query_ans)
ROUND_TRIP(chord_update)
ROUND_TRIP(ping_req)
ROUND_TRIP(ping_ans)
ROUND_TRIP(probe_req)
ROUND_TRIP(probe_ans)
ROUND_TRIP(config_update_req)
ROUND_TRIP(inspect_ans)
ROUND_TRIP(store_req)
ROUND_TRIP(store_ans)
ROUND_TRIP(fetch_req)
ROUND_TRIP(fetch_ans)
ROUND_TRIP(find_req)
ROUND_TRIP(find_ans)

#define EMPTY { get_empty, put_empty, true }
#define ROW(name) ROUND_TRIP_ROW(name, true)

/* Request and answer of each method; exp_a is HIP_CARRY. */
static const struct {
	struct round_trip request, answer;
} bodies[METHOD_COUNT] = {
	[METHOD_PROBE] = { ROW(probe_req), ROW(probe_ans) },
	[METHOD_ATTACH] = { ROW(attach), ROW(attach) },
	[METHOD_STORE] = { ROW(store_req), ROW(store_ans) },
	[METHOD_FETCH] = { ROW(fetch_req), ROW(fetch_ans) },
	[METHOD_FIND] = { ROW(find_req), ROW(find_ans) },
	[METHOD_JOIN] = { ROW(join_req), ROW(join_ans) },
	[METHOD_LEAVE] = { ROW(leave_req), EMPTY },
	[METHOD_UPDATE] = { ROW(chord_update), EMPTY },
	[METHOD_ROUTE_QUERY] = { ROW(route_query_req), ROW(route_query_ans) },
	[METHOD_PING] = { ROW(ping_req), ROW(ping_ans) },
	[METHOD_STAT] = { ROW(fetch_req), ROW(fetch_ans) },
	[METHOD_APP_ATTACH] = { ROW(app_attach), ROW(app_attach) },
	[METHOD_CONFIG_UPDATE] = { ROW(config_update_req), EMPTY },
	[METHOD_EXP_A] = { { get_carry, put_carry, false }, { get_carry_answer, put_carry_answer, true } },
	[METHOD_EXP_B] = { EMPTY, ROW(inspect_ans) },
};

static void check_bodies(const struct round_trip *codec, uint16_t code)
{
	static uint8_t bytes[65536];

	ck_assert_msg(codec->get != NULL, "no codec for message code 0x%x", code);
	for (uint64_t seed = 0; seed < ROUNDS; seed++) {
		struct writer w = writer_of(bytes, sizeof(bytes));
		struct sample s;

		sample_init(&s, seed);
		sample_body_put(&w, &s, code);
		codec_check(codec, writer_slice(&w));
		sample_free(&s);
	}
}

static void check_messages(uint16_t code)
{
	static const struct round_trip codec = { get_message, put_message, true };

	for (uint64_t seed = 0; seed < 3; seed++) {
		struct sample s;

		sample_init(&s, seed + 100);
		codec_check(&codec, sample_message_bytes(&s, code));
		sample_free(&s);
	}
}

START_TEST(method_map_bodies_round_trip_and_refuse_truncation)
{
	for (int m = 0; m < METHOD_COUNT; m++) {
		check_bodies(&bodies[m].request, method_request_code((enum method)m));
		check_bodies(&bodies[m].answer, method_answer_code((enum method)m));
	}
}
END_TEST

START_TEST(method_map_messages_round_trip_and_refuse_truncation)
{
	for (int m = 0; m < METHOD_COUNT; m++) {
		check_messages(method_request_code((enum method)m));
		check_messages(method_answer_code((enum method)m));
	}
	check_messages(MESSAGE_CODE_ERROR);
}
END_TEST

START_TEST(error_response_round_trips)
{
	static const struct round_trip codec = { get_error, put_error, true };

	check_bodies(&codec, MESSAGE_CODE_ERROR);
}
END_TEST

int main(void)
{
	return RUN_TESTS("method_map", method_map_bodies_round_trip_and_refuse_truncation,
			 method_map_messages_round_trip_and_refuse_truncation, error_response_round_trips);
}
