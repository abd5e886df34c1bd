/* SPDX-License-Identifier: MIT */
/* The seeds of the HIP codecs' corpora: a packet of each type with all that it may carry. */
#include "test/fuzz/seeds_hip.h"

#include "overlay/base/invariant.h"
#include "overlay/wire/hip_parameter.h"
#include "overlay/wire/hip_record.h"

static const uint8_t seed_bytes[400] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
static const struct hip_list seed_groups = { .items = { 8, 7, 3 }, .count = 3 };
static const struct hip_list seed_ciphers = { .items = { 4, 2 }, .count = 2 };
static const struct hip_list seed_transforms = { .items = { 8, 12 }, .count = 2 };
static const struct hip_list seed_suites = { .items = { 0x20, 0x10 }, .count = 2 };
static const struct hip_list seed_formats = { .items = { HIP_PARAMETER_ESP_TRANSFORM }, .count = 1 };
static const struct hip_list seed_modes = { .items = { 1, 3 }, .count = 2 };
static const struct hip_list seed_services = { .items = { 1, 2 }, .count = 2 };
static const struct address seed_v4 = { .type = ADDRESS_IPV4, .bytes = { 192, 0, 2, 1 }, .port = HIP_UDP_PORT };
static const struct address seed_v6 = { .type = ADDRESS_IPV6, .bytes = { 0x20, 1, 0x0d, 0xb8, [15] = 1 } };

static struct slice seed_run(size_t len)
{
	return slice_of(seed_bytes, len);
}

static struct hip_host_id seed_host_id(void)
{
	static const uint8_t identity[70] = { 0, 7, 0, 1, 4 };

	return (struct hip_host_id){ .identity = slice_of(identity, sizeof(identity)), .domain_type = 2,
				     .domain = slice_text("alice@example.org") };
}

static void seed_locators(struct writer *w)
{
	struct hip_locator_set x = { .count = 3 };

	x.items[0] = (struct hip_locator){ .preferred = true, .lifetime_s = 60, .address = seed_v4 };
	x.items[1] = (struct hip_locator){ .type = 1, .lifetime_s = 60, .spi = 9, .address = seed_v6 };
	x.items[2] = (struct hip_locator){ .type = 2, .lifetime_s = 60, .spi = 9, .address = seed_v4 };
	hip_locator_set_put(w, &x);
}

static void seed_i1(struct writer *w)
{
	hip_dh_group_list_put(w, &seed_groups);
	hip_padding_put(w, 40);
	hip_from_put(w, &seed_v4);
	hip_bytes_put(w, HIP_PARAMETER_RVS_HMAC, seed_run(32));
}

static void seed_r1(struct writer *w)
{
	struct hip_host_id host_id = seed_host_id();

	hip_r1_counter_put(w, 7);
	seed_locators(w);
	hip_puzzle_put(w, &(struct hip_puzzle){ 10, 38, 5, seed_run(48) });
	hip_dh_group_list_put(w, &seed_groups);
	hip_diffie_hellman_put(w, &(struct hip_diffie_hellman){ 8, seed_run(96) });
	hip_cipher_put(w, &seed_ciphers);
	hip_nat_traversal_mode_put(w, &seed_modes);
	hip_transaction_pacing_put(w, 20);
	hip_host_id_put(w, &host_id);
	hip_hit_suite_list_put(w, &seed_suites);
	hip_cert_put(w, &(struct hip_cert){ 1, 1, 1, 1, seed_run(60) });
	hip_bytes_put(w, HIP_PARAMETER_ECHO_REQUEST_SIGNED, seed_run(8));
	hip_reg_info_put(w, &(struct hip_reg_info){ 91, 151, seed_services });
	hip_transport_format_list_put(w, &seed_formats);
	hip_esp_transform_put(w, &seed_transforms);
	hip_signature_put(w, HIP_PARAMETER_HIP_SIGNATURE_2, &(struct hip_signature){ 7, seed_run(64) });
	hip_bytes_put(w, HIP_PARAMETER_ECHO_REQUEST_UNSIGNED, seed_run(8));
	hip_via_rvs_put(w, &(struct hip_via_rvs){ .items = { seed_v4, seed_v6 }, .count = 2 });
}

static void seed_i2(struct writer *w)
{
	hip_esp_info_put(w, &(struct hip_esp_info){ 160, 0, 0xcafebabe });
	hip_r1_counter_put(w, 7);
	hip_solution_put(w, &(struct hip_solution){ 10, 5, seed_run(48), seed_run(48) });
	hip_diffie_hellman_put(w, &(struct hip_diffie_hellman){ 8, seed_run(96) });
	hip_cipher_put(w, &seed_ciphers);
	hip_encrypted_put(w, &(struct hip_encrypted){ seed_run(16), seed_run(96) });
	hip_reg_request_put(w, &(struct hip_registration){ 119, seed_services });
	hip_bytes_put(w, HIP_PARAMETER_ECHO_RESPONSE_SIGNED, seed_run(8));
	hip_transport_format_list_put(w, &seed_formats);
	hip_esp_transform_put(w, &seed_transforms);
	hip_bytes_put(w, HIP_PARAMETER_HIP_MAC, seed_run(48));
	hip_signature_put(w, HIP_PARAMETER_HIP_SIGNATURE, &(struct hip_signature){ 7, seed_run(64) });
	hip_bytes_put(w, HIP_PARAMETER_ECHO_RESPONSE_UNSIGNED, seed_run(8));
	hip_transport_address_put(w, HIP_PARAMETER_RELAY_FROM, &(struct hip_transport_address){ 17, seed_v4 });
	hip_bytes_put(w, HIP_PARAMETER_RELAY_HMAC, seed_run(32));
}

static void seed_r2(struct writer *w)
{
	hip_esp_info_put(w, &(struct hip_esp_info){ 160, 0, 0xcafebabe });
	hip_reg_response_put(w, &(struct hip_registration){ 119, seed_services });
	hip_reg_failed_put(w, &(struct hip_reg_failed){ 1, seed_services });
	hip_transport_address_put(w, HIP_PARAMETER_REG_FROM, &(struct hip_transport_address){ 17, seed_v4 });
	hip_bytes_put(w, HIP_PARAMETER_HIP_MAC_2, seed_run(48));
	hip_signature_put(w, HIP_PARAMETER_HIP_SIGNATURE, &(struct hip_signature){ 5, seed_run(256) });
	hip_transport_address_put(w, HIP_PARAMETER_RELAY_TO, &(struct hip_transport_address){ 17, seed_v6 });
}

static void seed_update(struct writer *w)
{
	seed_locators(w);
	hip_seq_put(w, 3);
	hip_ack_put(w, &(struct hip_ack){ .update_ids = { 1, 2 }, .count = 2 });
	hip_bytes_put(w, 4601, seed_run(3)); /* critical and unknown */
}

static void seed_notify(struct writer *w)
{
	hip_notification_put(w, &(struct hip_notification){ HIP_HIP_MAC_FAILED, seed_run(6) });
}

static const struct {
	uint8_t type;
	void (*fill)(struct writer *w);
} seed_packets[] = {
	{ HIP_I1, seed_i1 },	     { HIP_R1, seed_r1 },	  { HIP_I2, seed_i2 },
	{ HIP_R2, seed_r2 },	     { HIP_UPDATE, seed_update }, { HIP_NOTIFY, seed_notify },
};

static struct slice seed_packet(size_t which, uint8_t out[static HIP_PACKET_MAX])
{
	static const struct hit sender = { { 0x20, 1, 0, 0x22, 1 } }, receiver = { { 0x20, 1, 0, 0x21, 2 } };
	struct writer w = writer_of(out, HIP_PACKET_MAX);
	struct hip_packet x;

	hip_packet_begin(&w, seed_packets[which].type, 0, &sender, &receiver);
	seed_packets[which].fill(&w);
	hip_packet_end(&w);
	invariant(hip_packet_get(writer_slice(&w), &x) == 0);
	return writer_slice(&w);
}

void seeds_hip_write(const char *corpus, seeds_write_fn *write)
{
	static uint8_t packet[HIP_PACKET_MAX], out[2 * HIP_PACKET_MAX];
	struct node_id id = { { 7 } };
	struct destination node = destination_of_node(&id);
	struct writer w;

	for (size_t i = 0; i < sizeof(seed_packets) / sizeof(seed_packets[0]); i++) {
		const char *name = hip_packet_type_name(seed_packets[i].type);
		struct slice bytes = seed_packet(i, packet);

		write(corpus, "hip_packet", name, -1, bytes);
		w = writer_of(out, sizeof(out));
		hip_carry_put(&w, &(struct hip_carry){ .hops = 4, .protocol = 17, .source = seed_v4, .nonce = 99,
						       .packet = bytes });
		write(corpus, "hip_carry", name, 0, writer_slice(&w));
		w = writer_of(out, sizeof(out));
		hip_record_put(&w, &(struct hip_record){ .hit = { { 0x20, 1, 0, 0x22 } }, .flags = HIP_RECORD_RVS,
							 .sequence = 3, .lifetime_s = 120,
							 .destinations = { &node, 1 },
							 .locators = { seed_v4, seed_v6 }, .locator_count = 2,
							 .proof = (uint8_t)(1 + i % 3),
							 .proof_host_id = seed_run(i % 3 == 1 ? 70 : 0),
							 .proof_packet = i % 3 == 1 ? bytes : SLICE_EMPTY });
		write(corpus, "hip_record", name, -1, writer_slice(&w));
	}
	w = writer_of(out, sizeof(out));
	hip_carry_answer_put(&w, HIP_CARRY_NOT_SERVED);
	write(corpus, "hip_carry", "answer", 1, writer_slice(&w));
	write(corpus, "hip_packet", "hit_text", -1, slice_text("2001:22::ab:1"));
}
