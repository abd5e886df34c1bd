/* SPDX-License-Identifier: MIT */
/* Messages and bodies to test with. */
#include "test/unit/wire/sample.h"

#include "overlay/base/invariant.h"
#include "overlay/wire/body_data.h"
#include "overlay/wire/body_misc.h"
#include "overlay/wire/body_routing.h"
#include "overlay/wire/hip_parameter.h"
#include "overlay/wire/hip_record.h"
#include "overlay/wire/method.h"
#include "overlay/wire/sip_registration.h"

#define SAMPLE_ROOM 65536 /* bytes of a body or message */

void sample_init(struct sample *s, uint64_t seed)
{
	prng_seed(&s->prng, seed);
	arena_init(&s->arena, 1u << 24);
}

void sample_free(struct sample *s)
{
	arena_free(&s->arena);
}

static uint8_t sample_u8(struct sample *s)
{
	return (uint8_t)prng_next(&s->prng);
}

static size_t sample_below(struct sample *s, size_t bound)
{
	return (size_t)prng_below(&s->prng, bound);
}

static bool sample_bool(struct sample *s)
{
	return prng_next(&s->prng) % 2 == 1;
}

static void *sample_array(struct sample *s, size_t count, size_t size)
{
	void *items = arena_array(&s->arena, count, size);

	invariant(items != NULL);
	return items;
}

struct slice sample_bytes(struct sample *s, size_t max)
{
	size_t len = sample_below(s, max + 1);
	uint8_t *bytes = sample_array(s, len, 1);

	for (size_t i = 0; i < len; i++)
		bytes[i] = sample_u8(s);
	return slice_of(bytes, len);
}

struct slice sample_text(struct sample *s, size_t max)
{
	size_t len = sample_below(s, max) + 1;
	uint8_t *bytes = sample_array(s, len, 1);

	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)('a' + sample_below(s, 26));
	return slice_of(bytes, len);
}

struct node_id sample_node_id(struct sample *s)
{
	struct node_id id;

	for (size_t i = 0; i < NODE_ID_LENGTH; i++)
		id.bytes[i] = (uint8_t)(sample_u8(s) | 1);
	return id;
}

struct resource_id sample_resource_id(struct sample *s)
{
	struct resource_id id = { .length = NODE_ID_LENGTH };

	for (size_t i = 0; i < id.length; i++)
		id.bytes[i] = sample_u8(s);
	return id;
}

struct destination sample_destination(struct sample *s)
{
	switch (sample_below(s, 4)) {
	case 0:
		return (struct destination){ .type = DESTINATION_RESOURCE, .id.bytes = sample_text(s, 254) };
	case 1:
		return (struct destination){ .type = DESTINATION_OPAQUE, .id.bytes = sample_bytes(s, 40) };
	case 2:
		return (struct destination){ .type = DESTINATION_COMPACT,
					     .id.compact = (uint16_t)(0x8000 | sample_below(s, 0x8000)) };
	default:
		return (struct destination){ .type = DESTINATION_NODE, .id.node = sample_node_id(s) };
	}
}

struct signature sample_signature(struct sample *s)
{
	struct signature x = {
		.hash = HASH_SHA256,
		.algorithm = SIGNATURE_ECDSA,
		.identity = { SIGNER_CERT_HASH, HASH_SHA256, sample_bytes(s, 32) },
		.value = sample_bytes(s, 72),
	};

	return sample_below(s, 4) == 0 ? signature_none() : x;
}

static struct address sample_address(struct sample *s)
{
	struct address a = { .type = sample_bool(s) ? ADDRESS_IPV4 : ADDRESS_IPV6 };

	for (size_t i = 0; i < (a.type == ADDRESS_IPV4 ? 4u : 16u); i++)
		a.bytes[i] = sample_u8(s);
	a.port = (uint16_t)prng_next(&s->prng);
	return a;
}

static struct node_id *sample_node_ids(struct sample *s, size_t *count)
{
	struct node_id *ids;

	*count = sample_below(s, 5);
	ids = sample_array(s, *count, sizeof(*ids));
	for (size_t i = 0; i < *count; i++)
		ids[i] = sample_node_id(s);
	return ids;
}

static struct ice_candidate *sample_candidates(struct sample *s, size_t *count)
{
	static const uint8_t types[] = { CANDIDATE_HOST, CANDIDATE_SRFLX, CANDIDATE_RELAY };
	struct ice_candidate *candidates;

	*count = sample_below(s, 4);
	candidates = sample_array(s, *count, sizeof(*candidates));
	for (size_t i = 0; i < *count; i++) {
		struct ice_candidate *c = &candidates[i];

		c->address = sample_address(s);
		c->overlay_link = OVERLAY_LINK_TLS_TCP_FH_NO_ICE;
		c->foundation = sample_text(s, 8);
		c->priority = (uint32_t)prng_next(&s->prng);
		c->type = types[i % sizeof(types)];
		c->related = sample_address(s);
		c->extension_count = sample_below(s, 3);
		c->extensions = sample_array(s, c->extension_count, sizeof(*c->extensions));
		for (size_t j = 0; j < c->extension_count; j++) {
			c->extensions[j].name = sample_text(s, 9);
			c->extensions[j].value = sample_text(s, 9);
		}
	}
	return candidates;
}

/* The encoded bytes of whatever `fill` writes. */
static struct slice sample_encode(struct sample *s, void (*fill)(struct writer *w, struct sample *s))
{
	struct writer w = writer_of(sample_array(s, SAMPLE_ROOM, 1), SAMPLE_ROOM);

	fill(&w, s);
	invariant(w.err == 0);
	return writer_slice(&w);
}

static void attach_fill(struct writer *w, struct sample *s)
{
	struct attach x = { .ufrag = sample_text(s, 8), .password = sample_text(s, 22),
			    .role = slice_text("passive"), .send_update = sample_bool(s) };

	x.candidates = sample_candidates(s, &x.candidate_count);
	attach_put(w, &x);
}

static void app_attach_fill(struct writer *w, struct sample *s)
{
	struct app_attach x = { .ufrag = sample_text(s, 8), .password = sample_text(s, 22),
				.application = 5060, .role = slice_text("active") };

	x.candidates = sample_candidates(s, &x.candidate_count);
	app_attach_put(w, &x);
}

static void chord_update_fill(struct writer *w, struct sample *s)
{
	struct chord_update x = { .uptime = 3600, .type = (uint8_t)(1 + sample_below(s, 3)) };

	x.predecessors = sample_node_ids(s, &x.predecessor_count);
	x.successors = sample_node_ids(s, &x.successor_count);
	x.fingers = sample_node_ids(s, &x.finger_count);
	chord_update_put(w, &x);
}

static void chord_leave_fill(struct writer *w, struct sample *s)
{
	struct chord_leave x = { .type = (uint8_t)(1 + sample_below(s, 2)) };

	x.nodes = sample_node_ids(s, &x.count);
	chord_leave_put(w, &x);
}

static void sip_registration_fill(struct writer *w, struct sample *s)
{
	struct destination route = destination_of_node(&(struct node_id){ { 1, 2, 3 } });
	struct sip_registration x = { .type = SIP_REGISTRATION_ROUTE,
				      .contact_prefs = slice_text("(sip.schemes=SIP)"),
				      .destinations = { &route, 1 } };

	if (sample_bool(s))
		x = (struct sip_registration){ .type = SIP_REGISTRATION_URI,
					       .uri = slice_text("bob@example.org") };
	sip_registration_put(w, &x);
}

static void turn_server_fill(struct writer *w, struct sample *s)
{
	struct turn_server x = { sample_u8(s), sample_address(s) };

	turn_server_put(w, &x);
}

/* Values of the Kinds SIP-REGISTRATION (dictionary), TURN-SERVICE (single), CERTIFICATE_BY_NODE (array). */
static const struct {
	uint32_t kind;
	uint8_t model;
} sample_kinds[] = {
	{ 0x1, DATA_MODEL_DICTIONARY },
	{ 0x2, DATA_MODEL_SINGLE },
	{ 0x3, DATA_MODEL_ARRAY },
};

static void stored_data_fill(struct writer *w, struct sample *s, size_t which)
{
	for (size_t i = sample_below(s, 3); i > 0; i--) {
		struct stored_data d = { .storage_time = 1700000000000 + i, .lifetime = 3600 };

		d.value.model = sample_kinds[which].model;
		d.value.index = (uint32_t)i;
		d.value.key = sample_bytes(s, 16);
		d.value.data.exists = sample_below(s, 4) > 0;
		if (d.value.data.exists)
			d.value.data.value = which == 0 ? sample_encode(s, sip_registration_fill) :
					     which == 1 ? sample_encode(s, turn_server_fill) :
							  sample_bytes(s, 100);
		d.signature = sample_signature(s);
		stored_data_put(w, &d);
	}
}

static void stored_dictionary_fill(struct writer *w, struct sample *s)
{
	stored_data_fill(w, s, 0);
}

static void stored_single_fill(struct writer *w, struct sample *s)
{
	stored_data_fill(w, s, 1);
}

static void stored_array_fill(struct writer *w, struct sample *s)
{
	stored_data_fill(w, s, 2);
}

static void stored_meta_data_fill(struct writer *w, struct sample *s, size_t which)
{
	for (size_t i = sample_below(s, 3); i > 0; i--) {
		struct stored_meta_data m = { .storage_time = 1700000000000 + i, .lifetime = 60,
					      .index = (uint32_t)i };

		m.model = sample_kinds[which].model;
		m.key = sample_bytes(s, 16);
		m.data = (struct meta_data){ true, 17, HASH_SHA256, sample_bytes(s, 32) };
		stored_meta_data_put(w, &m);
	}
}

static void meta_dictionary_fill(struct writer *w, struct sample *s)
{
	stored_meta_data_fill(w, s, 0);
}

static void meta_single_fill(struct writer *w, struct sample *s)
{
	stored_meta_data_fill(w, s, 1);
}

static void meta_array_fill(struct writer *w, struct sample *s)
{
	stored_meta_data_fill(w, s, 2);
}

static void store_req_fill(struct writer *w, struct sample *s)
{
	struct store_kind_data kinds[] = {
		{ 0x1, 1, sample_encode(s, stored_dictionary_fill) },
		{ 0x2, 0, sample_encode(s, stored_single_fill) },
		{ 0x3, 7, sample_encode(s, stored_array_fill) },
	};
	struct store_req x = { sample_resource_id(s), sample_u8(s), kinds, sample_below(s, 4) };

	store_req_put(w, &x);
}

static void store_ans_fill(struct writer *w, struct sample *s)
{
	struct store_kind_response kinds[2] = { { .kind = 1, .generation_counter = 2 }, { .kind = 0x10 } };
	struct store_ans x = { kinds, sample_below(s, 3) };

	for (size_t i = 0; i < 2; i++)
		kinds[i].replicas = sample_node_ids(s, &kinds[i].replica_count);
	store_ans_put(w, &x);
}

static void array_ranges_fill(struct writer *w, struct sample *s)
{
	const struct array_range ranges[] = { { 0, 3 }, { 7, 7 }, { 9, ARRAY_INDEX_LAST } };

	array_ranges_put(w, ranges, sample_below(s, 4));
}

static void dictionary_keys_fill(struct writer *w, struct sample *s)
{
	const struct slice keys[] = { sample_bytes(s, 16), sample_text(s, 20) };

	dictionary_keys_put(w, keys, sample_below(s, 3));
}

static void fetch_req_fill(struct writer *w, struct sample *s)
{
	struct stored_data_specifier specifiers[] = {
		{ 0x1, 0, sample_encode(s, dictionary_keys_fill) },
		{ 0x2, 5, SLICE_EMPTY },
		{ 0x3, 0, sample_encode(s, array_ranges_fill) },
	};
	struct fetch_req x = { sample_resource_id(s), specifiers, sample_below(s, 4) };

	fetch_req_put(w, &x);
}

static void fetch_ans_fill(struct writer *w, struct sample *s)
{
	struct fetch_kind_response kinds[] = {
		{ 0x1, 1, sample_encode(s, stored_dictionary_fill) },
		{ 0x2, 2, sample_encode(s, stored_single_fill) },
		{ 0x3, 3, sample_encode(s, stored_array_fill) },
	};
	struct fetch_ans x = { kinds, sample_below(s, 4) };

	fetch_ans_put(w, &x);
}

static void stat_ans_fill(struct writer *w, struct sample *s)
{
	struct fetch_kind_response kinds[] = {
		{ 0x1, 1, sample_encode(s, meta_dictionary_fill) },
		{ 0x2, 2, sample_encode(s, meta_single_fill) },
		{ 0x3, 3, sample_encode(s, meta_array_fill) },
	};
	struct fetch_ans x = { kinds, sample_below(s, 4) };

	fetch_ans_put(w, &x);
}

static void find_req_fill(struct writer *w, struct sample *s)
{
	uint32_t kinds[] = { 0x1, 0x10, 0xf0000001 };
	struct find_req x = { sample_resource_id(s), kinds, sample_below(s, 4) };

	find_req_put(w, &x);
}

static void find_ans_fill(struct writer *w, struct sample *s)
{
	struct find_kind_data results[] = { { 0x1, sample_resource_id(s) }, { 0x10, { 0 } } };
	struct find_ans x = { results, sample_below(s, 3) };

	find_ans_put(w, &x);
}

static void probe_fill(struct writer *w, struct sample *s)
{
	struct probe_information items[] = { { .type = PROBE_RESPONSIBLE_SET, .value = 250000000 },
					     { .type = PROBE_UPTIME, .value = 86400 },
					     { .type = 99, .unknown = sample_bytes(s, 9) } };
	struct probe_ans x = { items, sample_below(s, 4) };

	probe_ans_put(w, &x);
}

static void config_update_fill(struct writer *w, struct sample *s)
{
	struct slice kinds[] = { slice_text("<kind-block/>"), sample_text(s, 50) };
	struct config_update_req x = { .type = (uint8_t)(1 + sample_below(s, 3)),
				       .config_data = slice_text("<overlay/>"),
				       .kinds = kinds,
				       .kind_count = sample_below(s, 3) };

	config_update_req_put(w, &x);
}

static void inspect_fill(struct writer *w, struct sample *s)
{
	struct inspect_ans x = { .uptime = 1, .resources = 2, .values = 3, .joined = 1,
				 .addresses = { sample_address(s), sample_address(s) },
				 .address_count = (uint8_t)sample_below(s, 3),
				 .version = slice_text("peald 0.1.0") };

	x.predecessors = sample_node_ids(s, &x.predecessor_count);
	x.successors = sample_node_ids(s, &x.successor_count);
	inspect_ans_put(w, &x);
}

static void join_req_fill(struct writer *w, struct sample *s)
{
	struct join_req x = { sample_node_id(s), sample_bytes(s, 20) };

	join_req_put(w, &x);
}

static void join_ans_fill(struct writer *w, struct sample *s)
{
	join_ans_put(w, &(struct join_ans){ sample_bytes(s, 20) });
}

static void leave_req_fill(struct writer *w, struct sample *s)
{
	struct leave_req x = { sample_node_id(s), sample_encode(s, chord_leave_fill) };

	leave_req_put(w, &x);
}

static void route_query_req_fill(struct writer *w, struct sample *s)
{
	struct route_query_req x = { sample_bool(s), sample_destination(s), sample_bytes(s, 20) };

	route_query_req_put(w, &x);
}

static void route_query_ans_fill(struct writer *w, struct sample *s)
{
	route_query_ans_put(w, &(struct route_query_ans){ sample_node_id(s) });
}

static void ping_req_fill(struct writer *w, struct sample *s)
{
	ping_req_put(w, &(struct ping_req){ sample_bytes(s, 600) });
}

static void ping_ans_fill(struct writer *w, struct sample *s)
{
	ping_ans_put(w, &(struct ping_ans){ prng_next(&s->prng), 1700000000123 });
}

static void probe_req_fill(struct writer *w, struct sample *s)
{
	probe_req_put(w, &(struct probe_req){ sample_bytes(s, 5) });
}

/* An I1 as it travels between edges. */
static void hip_carry_fill(struct writer *w, struct sample *s)
{
	struct writer packet = writer_of(sample_array(s, HIP_PACKET_MAX, 1), HIP_PACKET_MAX);
	struct hip_list groups = { .items = { 8, 7, 3 }, .count = 1 + sample_below(s, 3) };
	struct hip_carry x = { .hops = sample_u8(s),
			       .protocol = sample_bool(s) ? 17 : HIP_PROTOCOL,
			       .source = sample_address(s),
			       .nonce = prng_next(&s->prng) };
	struct hit sender = { { 0x20, 1, 0, 0x22, sample_u8(s) } }, receiver = { { 0x20, 1, 0, 0x21 } };

	hip_packet_begin(&packet, HIP_I1, 0, &sender, &receiver);
	hip_dh_group_list_put(&packet, &groups);
	hip_packet_end(&packet);
	x.packet = writer_slice(&packet);
	hip_carry_put(w, &x);
}

static void hip_carry_answer_fill(struct writer *w, struct sample *s)
{
	hip_carry_answer_put(w, (uint8_t)(1 + sample_below(s, 4)));
}

static void error_fill(struct writer *w, struct sample *s)
{
	struct error_response x = { (uint16_t)(2 + sample_below(s, 19)), sample_text(s, 40) };

	if (x.code == 5)
		x.info = sample_encode(s, store_ans_fill);
	error_response_put(w, &x);
}

static const struct {
	uint16_t code;
	void (*fill)(struct writer *w, struct sample *s);
} sample_fills[] = {
	{ 0x01, probe_req_fill },	{ 0x02, probe_fill },
	{ 0x03, attach_fill },		{ 0x04, attach_fill },
	{ 0x07, store_req_fill },	{ 0x08, store_ans_fill },
	{ 0x09, fetch_req_fill },	{ 0x0a, fetch_ans_fill },
	{ 0x0d, find_req_fill },	{ 0x0e, find_ans_fill },
	{ 0x0f, join_req_fill },	{ 0x10, join_ans_fill },
	{ 0x11, leave_req_fill },	{ 0x13, chord_update_fill },
	{ 0x15, route_query_req_fill }, { 0x16, route_query_ans_fill },
	{ 0x17, ping_req_fill },	{ 0x18, ping_ans_fill },
	{ 0x19, fetch_req_fill },	{ 0x1a, stat_ans_fill },
	{ 0x1d, app_attach_fill },	{ 0x1e, app_attach_fill },
	{ 0x21, config_update_fill },	{ 0x23, hip_carry_fill },
	{ 0x24, hip_carry_answer_fill }, { 0x26, inspect_fill },
	{ 0xffff, error_fill },
};

void sample_body_put(struct writer *w, struct sample *s, uint16_t code)
{
	for (size_t i = 0; i < sizeof(sample_fills) / sizeof(sample_fills[0]); i++)
		if (sample_fills[i].code == code)
			sample_fills[i].fill(w, s);
	invariant(w->err == 0);
}

static struct slice sample_list_bytes(struct sample *s, size_t count)
{
	struct writer w = writer_of(sample_array(s, 4096, 1), 4096);

	for (size_t i = 0; i < count; i++) {
		struct destination d = sample_destination(s);

		destination_put(&w, &d);
	}
	return writer_slice(&w);
}

struct message sample_message(struct sample *s, uint16_t code)
{
	struct writer body = writer_of(sample_array(s, SAMPLE_ROOM, 1), SAMPLE_ROOM);
	struct writer options = writer_of(sample_array(s, 64, 1), 64);
	struct message m = { .header = { .relo_token = RELO_TOKEN,
					 .overlay = 0x1a2b3c4d,
					 .configuration_sequence = 22,
					 .version = RELOAD_VERSION,
					 .ttl = 100,
					 .fragment = FRAGMENT_WHOLE,
					 .transaction_id = prng_next(&s->prng) } };

	sample_body_put(&body, s, code);
	forwarding_option_put(&options, &(struct forwarding_option){ 7, RESPONSE_COPY, sample_bytes(s, 9) });
	m.header.via_list = sample_list_bytes(s, sample_below(s, 3));
	m.header.destination_list = sample_list_bytes(s, 1 + sample_below(s, 2));
	m.header.options = sample_bool(s) ? writer_slice(&options) : SLICE_EMPTY;
	m.contents.code = code;
	m.contents.body = writer_slice(&body);
	m.contents.extension_count = sample_below(s, 2);
	m.contents.extensions = sample_array(s, 1, sizeof(struct message_extension));
	m.contents.extensions[0] = (struct message_extension){ 77, false, sample_bytes(s, 9) };
	m.security.certificates.count = sample_below(s, 3);
	m.security.certificates.items = sample_array(s, 2, sizeof(struct slice));
	m.security.certificates.items[0] = sample_bytes(s, 100);
	m.security.certificates.items[1] = sample_bytes(s, 100);
	m.security.signature = sample_signature(s);
	return m;
}

struct slice sample_message_bytes(struct sample *s, uint16_t code)
{
	struct writer w = writer_of(sample_array(s, SAMPLE_ROOM, 1), SAMPLE_ROOM);
	struct message m = sample_message(s, code);

	message_put(&w, &m);
	invariant(w.err == 0);
	return writer_slice(&w);
}
