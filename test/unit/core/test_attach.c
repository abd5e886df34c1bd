/* SPDX-License-Identifier: MIT */
/* Attach and AppAttach (RFC 6940 6.5.1, 6.5.2) from both sides, and the Connection Table under
 * them. */
#include "overlay/attach.h"
#include "overlay/wire/method.h"
#include "test/unit/core/core.h"
#include "test/unit/run.h"

static struct core *c;
static struct remote a, b, low, high;
static size_t done_count;
static int done_err;
static struct node_id done_node;
static link_id done_link;

static void setup(void)
{
	struct core_options o = { .first = true };

	c = core_new(&o);
	remote_init(&a, 0x10, 1);
	remote_init(&b, 0x20, 1);
	remote_init(&low, 0x70, 1);
	remote_init(&high, 0x90, 1);
	ck_assert(core_accept(c, &a) != 0);
	c->has_hop = true;
	c->hop = a.id;
	done_count = 0;
	done_err = 1;
}

static void teardown(void)
{
	remote_free(&a);
	remote_free(&b);
	remote_free(&low);
	remote_free(&high);
	core_free(c);
}

static void on_done(void *ctx, struct now now, int err, const struct node_id *node, link_id link)
{
	(void)ctx;
	(void)now;
	done_count++;
	done_err = err;
	done_node = *node;
	done_link = link;
}

static struct ice_candidate candidate(uint8_t last, uint8_t type)
{
	return (struct ice_candidate){
		.address = { .type = ADDRESS_IPV4, .bytes = { 10, 2, 0, last }, .port = 6084 },
		.overlay_link = type,
		.type = CANDIDATE_HOST
	};
}

static struct slice attach_of(const char *role, struct ice_candidate *candidates, size_t count,
			      bool send_update)
{
	struct attach x = { .role = slice_text(role),
			    .candidates = candidates,
			    .candidate_count = count,
			    .send_update = send_update };
	struct writer w = writer_of(arena_alloc(&c->arena, 2048), 2048);

	attach_put(&w, &x);
	ck_assert_int_eq(w.err, 0);
	return writer_slice(&w);
}

static struct slice app_attach_of(const char *role, uint16_t application)
{
	struct ice_candidate one = candidate(1, OVERLAY_LINK_TLS_TCP_FH_NO_ICE);
	struct app_attach x = { .role = slice_text(role),
				.application = application,
				.candidates = &one,
				.candidate_count = 1 };
	struct writer w = writer_of(arena_alloc(&c->arena, 2048), 2048);

	app_attach_put(&w, &x);
	ck_assert_int_eq(w.err, 0);
	return writer_slice(&w);
}

static void start(const struct node_id *node)
{
	struct destination d = destination_of_node(node);

	ck_assert_int_eq(attach_start(c->peer, c->now, &d, 1, 0, true, on_done, NULL), 0);
	core_drain(c);
}

/* `signer`'s message comes by way of a. */
static void receive(struct remote *signer, uint64_t transaction_id, uint16_t code,
		    struct slice body)
{
	struct forwarding_header h = core_header(c, transaction_id, core_to_self(c));
	struct node_id via = core_node_id(0x55);

	h.via_list = core_nodes(c, &via, 1);
	core_receive(c, &a, core_message(c, signer, &h, code, body));
}

static void request_attach(struct remote *signer, uint64_t transaction_id, bool send_update)
{
	struct ice_candidate two[] = { candidate(1, OVERLAY_LINK_TLS_TCP_FH_NO_ICE),
				       candidate(2, OVERLAY_LINK_TLS_TCP_FH_NO_ICE) };

	receive(signer, transaction_id, method_request_code(METHOD_ATTACH),
		attach_of("passive", two, 2, send_update));
}

static void answer_attach(struct remote *signer, uint64_t transaction_id)
{
	struct ice_candidate one = candidate(1, OVERLAY_LINK_TLS_TCP_FH_NO_ICE);

	receive(signer, transaction_id, method_answer_code(METHOD_ATTACH),
		attach_of("active", &one, 1, false));
}

START_TEST(attach_requester_is_passive_and_waits_for_the_link)
{
	struct message m;
	struct reader r;
	struct attach x;

	setup();
	start(&b.id);
	ck_assert(attach_is_pending(c->peer, &b.id));
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(m.contents.code, method_request_code(METHOD_ATTACH));
	r = reader_of(m.contents.body);
	ck_assert_int_eq(attach_get(&r, &c->arena, &x), 0);
	ck_assert(slice_equal(x.role, slice_text("passive")));
	ck_assert(x.send_update);
	ck_assert_uint_eq(x.candidate_count, 1);
	answer_attach(&b, m.header.transaction_id);
	ck_assert_uint_eq(c->opened_count, 0);
	ck_assert_uint_eq(done_count, 0);
	ck_assert(core_accept(c, &b) != 0);
	ck_assert_uint_eq(done_count, 1);
	ck_assert_int_eq(done_err, 0);
	ck_assert(done_link == b.link && node_id_equal(&done_node, &b.id));
	ck_assert_uint_eq(c->ups, 1);
	ck_assert(!attach_is_pending(c->peer, &b.id));
	teardown();
}
END_TEST

START_TEST(attach_offers_the_addresses_of_the_moment)
{
	struct ice_candidate moved[] = { candidate(77, OVERLAY_LINK_TLS_TCP_FH_NO_ICE),
					 candidate(78, OVERLAY_LINK_TLS_TCP_FH_NO_ICE) };
	struct message m;
	struct reader r;
	struct attach x;

	setup();
	peer_set_candidates(c->peer, moved, 2, moved, 1);
	start(&b.id);
	ck_assert(core_take(c, &a, &m));
	r = reader_of(m.contents.body);
	ck_assert_int_eq(attach_get(&r, &c->arena, &x), 0);
	ck_assert_uint_eq(x.candidate_count, 2);
	ck_assert_uint_eq(x.candidates[0].address.bytes[3], 77);
	ck_assert_uint_eq(x.candidates[1].address.bytes[3], 78);
	teardown();
}
END_TEST

START_TEST(attach_takes_a_link_faster_than_the_answer)
{
	struct message m;

	setup();
	start(&b.id);
	ck_assert(core_take(c, &a, &m));
	ck_assert(core_accept(c, &b) != 0);
	/* The other end may use it at once. */
	ck_assert_uint_eq(c->ups, 1);
	ck_assert_uint_eq(done_count, 0);
	answer_attach(&b, m.header.transaction_id);
	ck_assert_uint_eq(done_count, 1);
	ck_assert_int_eq(done_err, 0);
	ck_assert_uint_eq(c->ups, 1);
	teardown();
}
END_TEST

START_TEST(attach_gives_up_when_no_link_comes)
{
	struct message m;

	setup();
	start(&b.id);
	ck_assert(core_take(c, &a, &m));
	answer_attach(&b, m.header.transaction_id);
	core_advance(c, 9999);
	ck_assert_uint_eq(done_count, 0);
	core_advance(c, 1);
	ck_assert_uint_eq(done_count, 1);
	ck_assert_int_eq(done_err, ERR_LINK);
	teardown();
}
END_TEST

/* The answerer may count on a link that is dead here. */
START_TEST(attach_requester_loses_patience_and_opens_the_link)
{
	struct ice_candidate one = candidate(1, OVERLAY_LINK_TLS_TCP_FH_NO_ICE);
	struct message m;

	setup();
	start(&b.id);
	ck_assert(core_take(c, &a, &m));
	answer_attach(&b, m.header.transaction_id);
	core_advance(c, 2999);
	ck_assert_uint_eq(c->opened_count, 0);
	core_advance(c, 1);
	ck_assert_uint_eq(c->opened_count, 1);
	ck_assert(address_equal(&c->opened[0].address, &one.address));
	core_link_up(c, &b);
	ck_assert_uint_eq(done_count, 1);
	ck_assert_int_eq(done_err, 0);
	ck_assert_uint_eq(c->ups, 1);
	teardown();
}
END_TEST

START_TEST(attach_requester_takes_a_late_link_besides)
{
	struct message m;

	setup();
	start(&b.id);
	ck_assert(core_take(c, &a, &m));
	answer_attach(&b, m.header.transaction_id);
	core_advance(c, 3500);
	ck_assert_uint_eq(c->opened_count, 1);
	ck_assert(core_accept(c, &b) != 0);
	ck_assert_uint_eq(done_count, 1);
	ck_assert_int_eq(done_err, 0);
	/* Its own is not needed any more. */
	ck_assert_uint_eq(c->closed_count, 1);
	ck_assert_uint_eq(c->closed[0].link, c->opened[0].link);
	teardown();
}
END_TEST

START_TEST(attach_answerer_is_active_and_opens_the_link)
{
	struct message m;
	struct reader r;
	struct attach x;

	setup();
	request_attach(&b, 9, true);
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(m.contents.code, method_answer_code(METHOD_ATTACH));
	r = reader_of(m.contents.body);
	ck_assert_int_eq(attach_get(&r, &c->arena, &x), 0);
	ck_assert(slice_equal(x.role, slice_text("active")));
	ck_assert_uint_eq(c->opened_count, 1);
	ck_assert_uint_eq(c->opened[0].address.bytes[3], 1);
	ck_assert_uint_eq(c->opened[0].purpose, LINK_OVERLAY);
	core_link_up(c, &b);
	ck_assert_uint_eq(c->ups, 1);
	ck_assert(c->last_send_update);
	ck_assert(node_id_equal(&c->last_up, &b.id));
	ck_assert(link_find_node(c->peer, &b.id) == b.link);
	teardown();
}
END_TEST

START_TEST(attach_answerer_tries_candidates_in_turn)
{
	setup();
	request_attach(&b, 9, false);
	peer_link_down(c->peer, c->now, c->opened[0].link, ERR_LINK);
	core_drain(c);
	ck_assert_uint_eq(c->opened_count, 2);
	ck_assert_uint_eq(c->opened[1].address.bytes[3], 2);
	peer_link_down(c->peer, c->now, c->opened[1].link, ERR_LINK);
	core_drain(c);
	ck_assert_uint_eq(c->opened_count, 2);
	ck_assert(!attach_is_pending(c->peer, &b.id));
	ck_assert_uint_eq(c->ups, 0);
	teardown();
}
END_TEST

START_TEST(attach_closes_a_link_to_the_wrong_node)
{
	setup();
	request_attach(&b, 9, false);
	core_link_up(c, &low);
	ck_assert_uint_eq(c->closed_count, 1);
	ck_assert_int_eq(c->closed[0].reason, ERR_NODE_ID_MISMATCH);
	ck_assert_uint_eq(c->ups, 0);
	ck_assert_uint_eq(link_find_node(c->peer, &low.id), 0);
	/* The next candidate has its chance. */
	ck_assert_uint_eq(c->opened_count, 2);
	teardown();
}
END_TEST

START_TEST(attach_refuses_candidates_it_does_not_speak)
{
	struct ice_candidate ice = candidate(1, OVERLAY_LINK_DTLS_UDP_SR);
	struct message m;

	setup();
	receive(&b, 9, method_request_code(METHOD_ATTACH), attach_of("passive", &ice, 1, false));
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(m.contents.code, MESSAGE_CODE_ERROR);
	ck_assert_uint_eq(c->opened_count, 0);
	receive(&b, 10, method_request_code(METHOD_ATTACH), attach_of("active", &ice, 1, false));
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(core_error_code(&m), 0x14);
	teardown();
}
END_TEST

START_TEST(attach_glare_smaller_node_id_yields)
{
	struct message m;

	setup();
	/* We are 0x80: smaller than high. */
	start(&high.id);
	ck_assert(core_take(c, &a, &m));
	request_attach(&high, 9, false);
	ck_assert_uint_eq(c->opened_count, 1);
	core_link_up(c, &high);
	/* Our own request is over with it. */
	ck_assert_uint_eq(done_count, 1);
	ck_assert_int_eq(done_err, 0);
	core_advance(c, 4000);
	ck_assert_uint_eq(peer_counters(c->peer)->retransmissions, 0);
	teardown();
}
END_TEST

START_TEST(attach_glare_larger_node_id_insists)
{
	struct message first, m;

	setup();
	start(&low.id);
	ck_assert(core_take(c, &a, &first));
	request_attach(&low, 9, false);
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(core_error_code(&m), 0x11);
	ck_assert_uint_eq(c->opened_count, 0);
	answer_attach(&low, first.header.transaction_id);
	/* Answered, the link on its way: still In_Progress. */
	request_attach(&low, 10, false);
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(core_error_code(&m), 0x11);
	ck_assert(core_accept(c, &low) != 0);
	ck_assert_int_eq(done_err, 0);
	teardown();
}
END_TEST

START_TEST(attach_told_in_progress_waits_for_the_other_end)
{
	static const uint8_t IN_PROGRESS[] = { 0, 0x11, 0, 0 };
	struct message m;

	setup();
	start(&high.id);
	ck_assert(core_take(c, &a, &m));
	receive(&high, m.header.transaction_id, MESSAGE_CODE_ERROR,
		slice_of(IN_PROGRESS, sizeof(IN_PROGRESS)));
	ck_assert_uint_eq(done_count, 0);
	request_attach(&high, 9, false);
	ck_assert_uint_eq(c->opened_count, 1);
	core_link_up(c, &high);
	ck_assert_uint_eq(done_count, 1);
	ck_assert_int_eq(done_err, 0);
	teardown();
}
END_TEST

START_TEST(attach_finds_the_link_there)
{
	struct message m;

	setup();
	/* a's link is up, not attached: the request makes it so at both ends. */
	start(&a.id);
	ck_assert(core_take(c, &a, &m));
	answer_attach(&a, m.header.transaction_id);
	ck_assert_uint_eq(done_count, 1);
	ck_assert(done_link == a.link);
	ck_assert_uint_eq(c->ups, 1);
	/* From the other end: answered, nothing opened. */
	request_attach(&a, 9, true);
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(m.contents.code, method_answer_code(METHOD_ATTACH));
	ck_assert_uint_eq(c->opened_count, 0);
	ck_assert_uint_eq(c->ups, 2);
	ck_assert(c->last_send_update);
	teardown();
}
END_TEST

START_TEST(attach_to_oneself_is_refused)
{
	setup();
	start(&CORE_SELF);
	core_advance(c, 0);
	ck_assert_uint_eq(done_count, 1);
	ck_assert_int_eq(done_err, ERR_INVALID_MESSAGE);
	teardown();
}
END_TEST

START_TEST(app_attach_refuses_what_is_not_offered)
{
	struct message m;

	setup();
	receive(&b, 9, method_request_code(METHOD_APP_ATTACH), app_attach_of("passive", 5060));
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(core_error_code(&m), 3);
	app_attach_offer(c->peer, 5060, true);
	receive(&b, 10, method_request_code(METHOD_APP_ATTACH), app_attach_of("passive", 5060));
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(m.contents.code, method_answer_code(METHOD_APP_ATTACH));
	ck_assert_uint_eq(c->opened_count, 1);
	ck_assert_uint_eq(c->opened[0].purpose, LINK_APPLICATION);
	core_link_up(c, &b);
	ck_assert_uint_eq(c->ready_count, 1);
	ck_assert_uint_eq(c->ready[0].application, 5060);
	ck_assert(!c->ready[0].initiator);
	ck_assert(node_id_equal(&c->ready[0].node_id, &b.id));
	/* The link is the driver's now. */
	ck_assert_uint_eq(link_count(c->peer), 1);
	app_attach_offer(c->peer, 5060, false);
	receive(&b, 11, method_request_code(METHOD_APP_ATTACH), app_attach_of("passive", 5060));
	ck_assert(core_take(c, &a, &m));
	ck_assert_uint_eq(core_error_code(&m), 3);
	teardown();
}
END_TEST

START_TEST(app_attach_initiator_accepts_only_the_node_it_asked)
{
	struct destination d;
	struct message m;

	setup();
	d = destination_of_node(&b.id);
	ck_assert_uint_eq(core_accept_as(c, &b, LINK_APPLICATION), 0);
	ck_assert_int_eq(app_attach_start(c->peer, c->now, 5060, &d, 1, on_done, NULL), 0);
	core_drain(c);
	ck_assert(core_take(c, &a, &m));
	receive(&b, m.header.transaction_id, method_answer_code(METHOD_APP_ATTACH),
		app_attach_of("active", 5060));
	ck_assert_uint_eq(core_accept_as(c, &low, LINK_APPLICATION), 0);
	ck_assert(core_accept_as(c, &b, LINK_APPLICATION) != 0);
	ck_assert_uint_eq(c->ready_count, 1);
	ck_assert(c->ready[0].initiator);
	ck_assert_uint_eq(done_count, 1);
	ck_assert_int_eq(done_err, 0);
	ck_assert_uint_eq(core_accept_as(c, &b, LINK_APPLICATION), 0);
	teardown();
}
END_TEST

START_TEST(link_refuses_bad_certificates_and_beyond_its_limit)
{
	struct core_options o = { .first = true, .links_max = 1 };
	struct address from = { .type = ADDRESS_IPV4, .bytes = { 10, 1, 1, 1 }, .port = 1 };
	struct remote self;

	setup();
	ck_assert_uint_eq(peer_link_accept(c->peer, c->now, LINK_OVERLAY, c->link_type, &from,
					   slice_text("no certificate")),
			  0);
	remote_init(&self, 0x80, 1);
	ck_assert_uint_eq(core_accept(c, &self), 0);
	c->now.wall.ms += 86400001;
	ck_assert_uint_eq(core_accept(c, &b), 0); /* expired */
	ck_assert_uint_eq(peer_counters(c->peer)->links_refused, 3);
	teardown();
	remote_free(&self);
	c = core_new(&o);
	remote_init(&a, 0x10, 1);
	remote_init(&b, 0x20, 1);
	ck_assert(core_accept(c, &a) != 0);
	ck_assert_uint_eq(core_accept(c, &b), 0);
	/* An idle link that nobody attached gives way. */
	core_advance(c, 5000);
	ck_assert(core_accept(c, &b) != 0);
	ck_assert_uint_eq(link_count(c->peer), 1);
	ck_assert_uint_eq(link_find_node(c->peer, &a.id), 0);
	remote_free(&a);
	remote_free(&b);
	core_free(c);
}
END_TEST

START_TEST(link_new_one_replaces_the_old_without_a_gap)
{
	link_id old;

	setup();
	request_attach(&a, 9, false);
	ck_assert_uint_eq(c->ups, 1);
	old = a.link;
	core_advance(c, 10);
	ck_assert(core_accept(c, &a) != old);
	ck_assert(link_find_node(c->peer, &a.id) == a.link);
	ck_assert_uint_eq(link_count(c->peer), 2);
	core_advance(c, 1000);
	/* We have the larger Node-ID: we close the old one. */
	ck_assert_uint_eq(c->closed_count, 1);
	ck_assert(c->closed[0].link == old);
	ck_assert_uint_eq(c->downs, 0);
	peer_link_down(c->peer, c->now, a.link, ERR_LINK);
	core_drain(c);
	ck_assert_uint_eq(c->downs, 1);
	teardown();
}
END_TEST

START_TEST(link_of_two_that_crossed_the_larger_node_ids_stays)
{
	link_id incoming, outgoing;

	setup();
	/* a (smaller than we) opened one; we open another at its Attach. */
	incoming = core_accept(c, &b);
	peer_link_down(c->peer, c->now, incoming, 0);
	request_attach(&b, 9, false);
	outgoing = c->opened[0].link;
	incoming = core_accept(c, &b);
	peer_link_up(c->peer, c->now, outgoing, slice_of(b.certificate, b.certificate_len));
	core_drain(c);
	ck_assert(link_find_node(c->peer, &b.id) == outgoing);
	core_advance(c, 1000);
	ck_assert_uint_eq(c->closed_count, 1);
	ck_assert(c->closed[0].link == incoming);
	ck_assert_uint_eq(c->downs, 0);
	teardown();
}
END_TEST

START_TEST(link_other_one_takes_over)
{
	link_id old;

	setup();
	request_attach(&a, 9, false);
	old = a.link;
	ck_assert(core_accept(c, &a) != 0);
	peer_link_down(c->peer, c->now, a.link, ERR_LINK);
	core_drain(c);
	ck_assert(link_find_node(c->peer, &a.id) == old);
	ck_assert_uint_eq(c->downs, 0);
	core_advance(c, 3000);
	ck_assert_uint_eq(link_count(c->peer), 1);
	teardown();
}
END_TEST

int main(void)
{
	return RUN_TESTS(
		"attach", attach_requester_is_passive_and_waits_for_the_link,
		attach_takes_a_link_faster_than_the_answer, attach_gives_up_when_no_link_comes,
			 attach_requester_loses_patience_and_opens_the_link, attach_requester_takes_a_late_link_besides,
		attach_answerer_is_active_and_opens_the_link,
		attach_answerer_tries_candidates_in_turn, attach_offers_the_addresses_of_the_moment,
		attach_closes_a_link_to_the_wrong_node,
		attach_refuses_candidates_it_does_not_speak, attach_glare_smaller_node_id_yields,
		attach_glare_larger_node_id_insists,
		attach_told_in_progress_waits_for_the_other_end, attach_finds_the_link_there,
		attach_to_oneself_is_refused, app_attach_refuses_what_is_not_offered,
		app_attach_initiator_accepts_only_the_node_it_asked,
		link_refuses_bad_certificates_and_beyond_its_limit,
		link_new_one_replaces_the_old_without_a_gap,
		link_of_two_that_crossed_the_larger_node_ids_stays, link_other_one_takes_over);
}
