/* SPDX-License-Identifier: MIT */
/* tools/enroll_document: values by name. */
#include "tools/enroll_document.h"

#include <check.h>
#include <string.h>

#include "test/unit/run.h"

static struct configuration c;
static char detail[256];

static int set(const char *assignment)
{
	detail[0] = '\0';
	return document_set(&c, assignment, detail, sizeof(detail));
}

START_TEST(set_changes_values_in_range)
{
	configuration_init(&c);
	ck_assert_int_eq(set("max-message-size=8000"), 0);
	ck_assert_uint_eq(c.max_message_size, 8000);
	ck_assert_int_eq(set("initial-ttl=30"), 0);
	ck_assert_uint_eq(c.initial_ttl, 30);
	ck_assert_int_eq(set("chord-reactive=false"), 0);
	ck_assert(!c.chord_reactive);
	ck_assert_int_eq(set("clients-permitted=true"), 0);
	ck_assert(c.clients_permitted);
	ck_assert_int_eq(set("SIP-REGISTRATION.max-count=99"), 0);
	ck_assert_uint_eq(kind_find(&c.kinds, KIND_SIP_REGISTRATION)->max_count, 99);
	ck_assert_int_eq(set("SIP-REGISTRATION.max-size=512"), 0);
	ck_assert_uint_eq(kind_find(&c.kinds, KIND_SIP_REGISTRATION)->max_size, 512);
}
END_TEST

/* An overlay made before HIP-RVS was known. */
START_TEST(set_adds_a_kind_that_the_overlay_does_not_use)
{
	configuration_init(&c);
	ck_assert_ptr_null(kind_find(&c.kinds, KIND_HIP_RVS));
	ck_assert_int_eq(set("HIP-RVS.max-count=4"), 0);
	ck_assert_uint_eq(kind_find(&c.kinds, KIND_HIP_RVS)->max_count, 4);
	ck_assert_int_eq(kind_find(&c.kinds, KIND_HIP_RVS)->access, ACCESS_HIT_MATCH);
}
END_TEST

START_TEST(set_refuses_what_it_does_not_know)
{
	static const char *const wrong[] = {
		"max-message-size", "=5", "max-message-size=", "max-message-size=-1", "max-message-size=100",
		"max-message-size=8000x", "initial-ttl=256", "overlay-reliability-timer=199", "chord-reactive=1",
		"no-such-thing=1", "SIP-REGISTRATION.max-nothing=1", "SIP.max-count=1", "SIP-REGISTRATION.max-size=0",
	};

	configuration_init(&c);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ck_assert_msg(set(wrong[i]) == ERR_CONFIG, "%s was taken", wrong[i]);
		ck_assert(detail[0] != '\0');
	}
}
END_TEST

START_TEST(bootstrap_nodes_are_added_once_and_removed)
{
	configuration_init(&c);
	ck_assert_int_eq(document_add_bootstrap(&c, "192.0.2.1", detail, sizeof(detail)), 0);
	ck_assert_int_eq(document_add_bootstrap(&c, "192.0.2.1:6084", detail, sizeof(detail)), 0);
	ck_assert_int_eq(document_add_bootstrap(&c, "[2001:db8::1]:7000", detail, sizeof(detail)), 0);
	ck_assert_uint_eq(c.bootstrap_node_count, 2);
	ck_assert_int_eq(document_add_bootstrap(&c, "0.0.0.0:6084", detail, sizeof(detail)), ERR_CONFIG);
	ck_assert_int_eq(document_add_bootstrap(&c, "example.org:6084", detail, sizeof(detail)), ERR_CONFIG);
	ck_assert_int_eq(document_remove_bootstrap(&c, "192.0.2.1:6084", detail, sizeof(detail)), 0);
	ck_assert_int_eq(document_remove_bootstrap(&c, "192.0.2.1:6084", detail, sizeof(detail)), ERR_CONFIG);
	ck_assert_uint_eq(c.bootstrap_node_count, 1);
	ck_assert_uint_eq(c.bootstrap_nodes[0].port, 7000);
}
END_TEST

START_TEST(bad_nodes_are_added_once_but_never_the_signer)
{
	static const char signer[] = "00112233445566778899aabbccddeeff";
	static const char other[] = "10112233445566778899aabbccddeeff";

	configuration_init(&c);
	ck_assert_int_eq(node_id_parse(signer, &c.configuration_signers[0]), 0);
	c.configuration_signer_count = 1;
	ck_assert_int_eq(document_add_bad_node(&c, signer, detail, sizeof(detail)), ERR_CONFIG);
	ck_assert_int_eq(document_add_bad_node(&c, other, detail, sizeof(detail)), 0);
	ck_assert_int_eq(document_add_bad_node(&c, other, detail, sizeof(detail)), 0);
	ck_assert_uint_eq(c.bad_node_count, 1);
	ck_assert_int_eq(document_add_bad_node(&c, "1011", detail, sizeof(detail)), ERR_CONFIG);
	ck_assert_int_eq(document_remove_bad_node(&c, other, detail, sizeof(detail)), 0);
	ck_assert_int_eq(document_remove_bad_node(&c, other, detail, sizeof(detail)), ERR_CONFIG);
}
END_TEST

START_TEST(sequence_wraps_before_65535)
{
	ck_assert_uint_eq(document_next_sequence(1), 2);
	ck_assert_uint_eq(document_next_sequence(65533), 65534);
	ck_assert_uint_eq(document_next_sequence(65534), 0);
}
END_TEST

int main(void)
{
	return RUN_TESTS("enroll_document", set_changes_values_in_range,
			 set_adds_a_kind_that_the_overlay_does_not_use, set_refuses_what_it_does_not_know,
			 bootstrap_nodes_are_added_once_and_removed,
			 bad_nodes_are_added_once_but_never_the_signer, sequence_wraps_before_65535);
}
