/* SPDX-License-Identifier: MIT */
/* Hosts that move (RFC 8046): data follows what answered, and nothing else. */
#include "test/unit/hip/hip_fixture.h"
#include "test/unit/run.h"
#include "usage/hip/hip_update.h"

static struct fixture fixture;

/* What the wire does. */
static struct wire {
	unsigned lose;             /* so many of the next UPDATEs */
	struct address inside, outside; /* a NAT: what comes from the one seems to come from the other */
	struct address victim;     /* an address that no host has */
	size_t victim_esp, victim_esp_bytes, victim_updates;
} wire;

static unsigned wire_hook(void *ctx, struct fixture *f, struct fixture_datagram *d)
{
	size_t packet;
	uint8_t type = fixture_type(d, &packet);

	(void)ctx;
	(void)f;
	if (wire.victim.type != ADDRESS_NONE && address_equal(&d->path.local, &wire.victim)) {
		wire.victim_updates += type == HIP_UPDATE;
		wire.victim_esp += type == 0;
		wire.victim_esp_bytes += type == 0 ? d->len : 0;
		return 0;
	}
	if (wire.outside.type != ADDRESS_NONE) {
		if (address_equal(&d->path.remote, &wire.inside))
			d->path.remote = wire.outside;
		else if (address_equal(&d->path.local, &wire.outside))
			d->path.local = wire.inside, d->to = 1;
		else if (address_equal(&d->path.local, &wire.inside))
			return 0; /* the NAT has forgotten the old binding */
	}
	if (type == HIP_UPDATE && wire.lose > 0) {
		wire.lose--;
		return 0;
	}
	return 1;
}

static struct address address_of(const char *text)
{
	struct address a = { 0 };

	ck_assert_int_eq(address_parse(text, HIP_UDP_PORT, &a), 0);
	return a;
}

static void pair_begin(struct fixture *f)
{
	fixture_begin(f);
	wire = (struct wire){ 0 };
	fixture_add(f, HIT_SUITE_ECDSA, NULL);
	fixture_add(f, HIT_SUITE_ECDSA, NULL);
	fixture_join(f, 0, 1);
	fixture_run(f, 12000);
	f->hook = wire_hook;
}

static struct hip_association *end_of(struct fixture *f, size_t i)
{
	return fixture_association(f, i, 1 - i);
}

static void move(struct fixture *f, size_t host, const struct address *to, size_t count)
{
	f->hosts[host].at = to[0];
	hip_host_readdress(f->hosts[host].h, f->now, to, count, to, count);
	fixture_drain(f);
}

static void say(struct fixture *f, size_t from)
{
	static const uint8_t voice[172];
	struct slice part = slice_of(voice, sizeof(voice));

	(void)!hip_host_send(f->hosts[from].h, f->now, &f->hosts[1 - from].hit, 17, &part, 1);
	fixture_drain(f);
}

/* 50 packets a second both ways; how long until `host` hears again, at most `ms`. */
static unsigned talk_until_heard(struct fixture *f, size_t host, unsigned ms)
{
	size_t before = f->hosts[host].payloads;
	unsigned t = 0;

	while (t < ms && f->hosts[host].payloads == before) {
		say(f, 0);
		say(f, 1);
		fixture_run(f, 20);
		t += 20;
	}
	return t;
}

static void talk(struct fixture *f, unsigned ms)
{
	for (unsigned t = 0; t < ms; t += 20) {
		say(f, 0);
		say(f, 1);
		fixture_run(f, 20);
	}
}

static void ck_data_at(struct fixture *f, size_t i, const char *address)
{
	struct address a = address_of(address);

	ck_assert(address_equal(&end_of(f, i)->data.remote, &a));
	ck_assert(!end_of(f, i)->update->is_stale);
}

static void ck_flows(struct fixture *f)
{
	size_t before[2] = { f->hosts[0].payloads, f->hosts[1].payloads };

	talk(f, 1000);
	fixture_run(f, 100);
	for (size_t i = 0; i < 2; i++)
		ck_assert_uint_ge(f->hosts[i].payloads - before[i], 50);
}

START_TEST(media_goes_on_soon_after_a_readdress)
{
	struct fixture *f = &fixture;
	struct address to = address_of("198.51.100.7");
	size_t exchanges;

	for (unsigned lose = 0; lose < 4; lose++) {
		pair_begin(f);
		talk(f, 500);
		fixture_run(f, 100);
		exchanges = f->hosts[0].counters.hip_exchanges;
		wire.lose = lose;
		move(f, 1, &to, 1);
		ck_assert_uint_lt(talk_until_heard(f, 1, 5000), 2000);
		talk(f, 2000);
		ck_data_at(f, 0, "198.51.100.7");
		ck_data_at(f, 1, "192.0.2.1");
		ck_flows(f);
		ck_assert(hip_path_equal(&end_of(f, 0)->control, &end_of(f, 0)->data));
		ck_assert(end_of(f, 1)->update->sent == NULL);
		ck_assert_uint_eq(f->hosts[0].counters.hip_exchanges, exchanges);
		ck_assert_uint_eq(f->hosts[0].sent[HIP_I1] + f->hosts[1].sent[HIP_I1], 1);
		fixture_end(f);
	}
}
END_TEST

START_TEST(another_port_is_told_and_taken)
{
	struct fixture *f = &fixture;
	struct address to = address_of("198.51.100.7:4711");

	pair_begin(f);
	move(f, 1, &to, 1);
	talk(f, 1000);
	ck_data_at(f, 0, "198.51.100.7:4711");
	ck_assert_uint_eq(end_of(f, 0)->peer_locators.items[0].type, 2);
	ck_flows(f);
	fixture_end(f);
}
END_TEST

START_TEST(moves_follow_one_another)
{
	struct fixture *f = &fixture;
	struct address to[3] = { address_of("198.51.100.7"), address_of("198.51.100.8"), address_of("192.0.2.2") };

	pair_begin(f);
	for (int i = 0; i < 9; i++) {
		move(f, 1, &to[i % 3], 1);
		talk(f, i < 3 ? 40 : 700);
	}
	talk(f, 1000);
	ck_data_at(f, 0, "192.0.2.2");
	ck_flows(f);
	fixture_end(f);
}
END_TEST

START_TEST(address_that_is_only_claimed_gets_no_data)
{
	struct fixture *f = &fixture;
	struct address claimed;

	pair_begin(f);
	claimed = wire.victim = address_of("203.0.113.66");
	talk(f, 500);
	/* Host 1 tells an address that is not its own, and sends from where it was. */
	f->hosts[1].h->options.locators[0] = claimed;
	end_of(f, 1)->update->wants_readdress = true;
	hip_update_pump(end_of(f, 1), f->now);
	talk(f, 20000);
	ck_assert_uint_eq(wire.victim_esp, 0);
	ck_assert_uint_gt(wire.victim_updates, 0);
	ck_assert_uint_le(wire.victim_updates, HIP_CHECK_TRIES_MAX);
	ck_data_at(f, 0, "192.0.2.2");
	ck_flows(f);
	fixture_end(f);
}
END_TEST

/* Copies what host 1 sends so that it seems to come from the claimed address. */
static unsigned spoof_hook(void *ctx, struct fixture *f, struct fixture_datagram *d)
{
	(void)ctx;
	if (d->from == 1)
		d->path.remote = wire.victim;
	return wire_hook(NULL, f, d);
}

START_TEST(unverified_address_gets_no_more_than_it_gave)
{
	struct fixture *f = &fixture;
	size_t gave = 0;

	pair_begin(f);
	wire.victim = address_of("203.0.113.66");
	f->hook = spoof_hook;
	f->hosts[1].h->options.locators[0] = wire.victim;
	end_of(f, 1)->update->wants_readdress = true;
	hip_update_pump(end_of(f, 1), f->now);
	fixture_run(f, 30);
	ck_assert(end_of(f, 0)->update->is_stale);
	for (int i = 0; i < 20; i++) {
		say(f, 0);
		fixture_run(f, 20);
	}
	ck_assert_uint_eq(wire.victim_esp, 0);
	for (int i = 0; i < 20; i++) {
		uint64_t before = end_of(f, 0)->in.packets;

		say(f, 1);
		for (int k = 0; k < 5; k++)
			say(f, 0);
		fixture_run(f, 20);
		gave += (end_of(f, 0)->in.packets - before) * (172 + ESP_OVERHEAD_MAX);
		ck_assert_uint_le(wire.victim_esp_bytes, gave);
	}
	ck_assert_uint_gt(wire.victim_esp, 0);
	ck_assert_uint_le(end_of(f, 0)->waiting_count, HIP_WAITING_MAX);
	fixture_end(f);
}
END_TEST

START_TEST(both_ends_move_at_once)
{
	struct fixture *f = &fixture;
	struct address first[2] = { address_of("192.0.2.1"), address_of("10.1.0.1") };
	struct address second[2] = { address_of("192.0.2.2"), address_of("10.1.0.2") };
	struct address to[2][2] = { { address_of("198.51.100.1"), first[1] },
				    { address_of("198.51.100.2"), second[1] } };

	/* Each has a second address that stays. */
	pair_begin(f);
	move(f, 0, first, 2);
	move(f, 1, second, 2);
	talk(f, 1000);
	move(f, 0, to[0], 2);
	move(f, 1, to[1], 2);
	ck_assert_uint_lt(talk_until_heard(f, 0, 5000) + talk_until_heard(f, 1, 5000), 2000);
	talk(f, 3000);
	ck_data_at(f, 0, "198.51.100.2");
	ck_data_at(f, 1, "198.51.100.1");
	ck_flows(f);
	ck_assert_uint_eq(f->hosts[0].sent[HIP_I1] + f->hosts[1].sent[HIP_I1], 1);
	fixture_end(f);
}
END_TEST

START_TEST(preferred_locator_is_moved_to_once_it_answers)
{
	struct fixture *f = &fixture;
	struct address both[2] = { address_of("198.51.100.2"), address_of("192.0.2.2") };

	pair_begin(f);
	talk(f, 200);
	/* The old one stays, the new one is better liked. */
	move(f, 1, both, 2);
	talk(f, 1000);
	ck_data_at(f, 0, "198.51.100.2");
	ck_flows(f);
	ck_data_at(f, 0, "198.51.100.2");
	ck_assert_uint_eq(fixture_logged_times(f, 0, "hip.data"), 1);
	fixture_end(f);
}
END_TEST

START_TEST(rebinding_of_a_nat_is_checked_and_followed)
{
	struct fixture *f = &fixture;

	pair_begin(f);
	wire.inside = address_of("192.0.2.2");
	wire.outside = address_of("203.0.113.9:61000");
	ck_data_at(f, 0, "192.0.2.2");
	say(f, 1);
	fixture_run(f, 15);
	/* Not silently. */
	ck_data_at(f, 0, "192.0.2.2");
	talk(f, 1000);
	ck_data_at(f, 0, "203.0.113.9:61000");
	ck_flows(f);
	wire.outside = address_of("203.0.113.9:61001");
	talk(f, 2000);
	ck_data_at(f, 0, "203.0.113.9:61001");
	ck_flows(f);
	fixture_end(f);
}
END_TEST

START_TEST(late_packets_of_an_old_address_move_nothing)
{
	struct fixture *f = &fixture;
	struct address to = address_of("198.51.100.7"), old = address_of("192.0.2.2");
	struct fixture_datagram *late;

	pair_begin(f);
	say(f, 1);
	late = f->first;
	ck_assert_ptr_nonnull(late);
	f->first = late->next;
	ck_assert(address_equal(&late->path.remote, &old));
	move(f, 1, &to, 1);
	talk(f, 1000);
	ck_data_at(f, 0, "198.51.100.7");
	hip_host_datagram(f->hosts[0].h, f->now, &late->path, true, slice_of(late->bytes, late->len));
	ck_assert_uint_eq(end_of(f, 0)->update->wanted_count, 0);
	ck_assert(end_of(f, 0)->update->sent == NULL);
	free(late);
	fixture_end(f);
}
END_TEST

static struct fixture_datagram answer; /* the last UPDATE of host 1 */

static unsigned answer_hook(void *ctx, struct fixture *f, struct fixture_datagram *d)
{
	size_t packet;

	(void)ctx;
	(void)f;
	if (d->from == 1 && fixture_type(d, &packet) == HIP_UPDATE)
		answer = *d;
	return 1;
}

START_TEST(old_answers_from_elsewhere_move_nothing)
{
	struct fixture *f = &fixture;
	struct address to = address_of("198.51.100.7");

	pair_begin(f);
	f->hook = answer_hook;
	move(f, 1, &to, 1);
	talk(f, 1000);
	ck_data_at(f, 0, "198.51.100.7");
	answer.path.remote = address_of("203.0.113.66");
	for (int i = 0; i < 3; i++)
		hip_host_datagram(f->hosts[0].h, f->now, &answer.path, false, slice_of(answer.bytes, answer.len));
	talk(f, 1000);
	ck_data_at(f, 0, "198.51.100.7");
	ck_assert(hip_path_equal(&end_of(f, 0)->control, &end_of(f, 0)->data));
	fixture_end(f);
}
END_TEST

START_TEST(readdress_and_rekey_go_together)
{
	struct fixture *f = &fixture;
	struct address to = address_of("198.51.100.7");

	for (int order = 0; order < 2; order++) {
		pair_begin(f);
		if (order == 0)
			hip_rekey_begin(end_of(f, 0), f->now, true);
		move(f, 1, &to, 1);
		if (order == 1)
			hip_rekey_begin(end_of(f, 0), f->now, true);
		ck_assert_uint_lt(talk_until_heard(f, 1, 5000), 2000);
		talk(f, 3000);
		ck_data_at(f, 0, "198.51.100.7");
		ck_assert_uint_eq(end_of(f, 0)->rekeys, 1);
		ck_assert_uint_eq(end_of(f, 1)->rekeys, 1);
		ck_flows(f);
		fixture_end(f);
	}
}
END_TEST

START_TEST(association_through_the_ring_gets_a_direct_path)
{
	struct fixture *f = &fixture;

	pair_begin(f);
	/* As after an exchange through the ring: control there, no address for data. */
	for (size_t i = 0; i < 2; i++) {
		end_of(f, i)->control = (struct hip_path){ .channel = HIP_CHANNEL_OVERLAY };
		end_of(f, i)->data = (struct hip_path){ .channel = HIP_CHANNEL_NONE };
	}
	say(f, 0);
	say(f, 1);
	ck_assert_uint_eq(f->hosts[0].sent[0] + f->hosts[1].sent[0], 0);
	for (size_t i = 0; i < 2; i++)
		hip_update_established(end_of(f, i), f->now);
	fixture_run(f, 200);
	ck_assert_uint_eq(f->hosts[0].payloads, 1);
	ck_assert_uint_eq(f->hosts[1].payloads, 1);
	ck_data_at(f, 0, "192.0.2.2");
	ck_data_at(f, 1, "192.0.2.1");
	ck_assert_int_eq(end_of(f, 0)->control.channel, HIP_CHANNEL_UDP);
	ck_flows(f);
	fixture_end(f);
}
END_TEST

START_TEST(locators_that_cannot_be_are_not_asked)
{
	static const char *const bad[] = { "0.0.0.0", "224.0.0.251", "255.255.255.255", "127.0.0.1", "[ff02::1]",
					   "[::]" };
	struct fixture *f = &fixture;
	struct hip_locator_set set = { .count = 0 };
	size_t sent;

	pair_begin(f);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		set.items[set.count++] = (struct hip_locator){ .type = 0, .preferred = true, .lifetime_s = 100,
							       .address = address_of(bad[i]) };
	set.items[set.count++] = (struct hip_locator){ .lifetime_s = 0, .address = address_of("198.51.100.3") };
	set.items[set.count++] = (struct hip_locator){ .lifetime_s = 5, .traffic = 1,
						       .address = address_of("198.51.100.4") };
	(void)hip_update_of(end_of(f, 0));
	sent = f->hosts[0].sent[HIP_UPDATE];
	hip_mobility_receive(end_of(f, 0), f->now, &end_of(f, 0)->data, true, &set);
	hip_update_pump(end_of(f, 0), f->now);
	fixture_run(f, 5000);
	ck_assert_uint_eq(f->hosts[0].sent[HIP_UPDATE], sent);
	ck_data_at(f, 0, "192.0.2.2");
	fixture_end(f);
}
END_TEST

START_TEST(own_locators_have_ports_only_when_they_must)
{
	struct fixture *f = &fixture;
	uint8_t buffer[HIP_PACKET_MAX];
	struct writer w = writer_of(buffer, sizeof(buffer));
	struct hip_locator_set set;
	struct hip_packet p;
	struct hip_parameter x;
	struct reader r;

	pair_begin(f);
	f->hosts[0].h->options.locators[1] = address_of("[2001:db8::1]:777");
	f->hosts[0].h->options.locator_count = 2;
	hip_packet_begin(&w, HIP_UPDATE, 0, &f->hosts[0].hit, &f->hosts[1].hit);
	hip_put_locators(f->hosts[0].h, &w);
	hip_packet_end(&w);
	ck_assert_int_eq(hip_packet_get(writer_slice(&w), &p), 0);
	ck_assert(hip_parameter_find(&p, HIP_PARAMETER_LOCATOR_SET, &x));
	r = reader_of(x.contents);
	hip_locator_set_get(&r, &set);
	ck_assert_int_eq(reader_finish(&r), 0);
	ck_assert_uint_eq(set.count, 2);
	ck_assert_uint_eq(set.items[0].type, 0);
	ck_assert(set.items[0].preferred);
	ck_assert_uint_eq(set.items[1].type, 2);
	ck_assert_uint_eq(set.items[1].address.port, 777);
	ck_assert(!set.items[1].preferred);
	fixture_end(f);
}
END_TEST

int main(void)
{
	return RUN_TESTS("hip mobility", media_goes_on_soon_after_a_readdress, another_port_is_told_and_taken,
			 moves_follow_one_another, address_that_is_only_claimed_gets_no_data,
			 unverified_address_gets_no_more_than_it_gave, both_ends_move_at_once,
			 preferred_locator_is_moved_to_once_it_answers, rebinding_of_a_nat_is_checked_and_followed,
			 late_packets_of_an_old_address_move_nothing, old_answers_from_elsewhere_move_nothing,
			 readdress_and_rekey_go_together,
			 association_through_the_ring_gets_a_direct_path, locators_that_cannot_be_are_not_asked,
			 own_locators_have_ports_only_when_they_must);
}
