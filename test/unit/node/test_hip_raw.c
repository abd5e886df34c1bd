/* SPDX-License-Identifier: MIT */
/* Tests of hip_raw.c: the source and the checksum of packets that leave from no address in particular. */
#include "node/hip_raw.h"

#include <string.h>

#include "test/unit/run.h"

static struct hip_path path_of(const char *local, const char *remote)
{
	struct hip_path path = { .channel = HIP_CHANNEL_RAW };

	if (local != NULL)
		ck_assert_int_eq(address_parse(local, 0, &path.local), 0);
	ck_assert_int_eq(address_parse(remote, 0, &path.remote), 0);
	return path;
}

/* An I1 with a checksum of zero. */
static size_t i1_make(uint8_t bytes[HIP_PACKET_MAX])
{
	struct writer w = writer_of(bytes, HIP_PACKET_MAX);
	struct hit sender, receiver;

	ck_assert_int_eq(hit_parse("2001:22::1", &sender), 0);
	ck_assert_int_eq(hit_parse("2001:22::2", &receiver), 0);
	hip_packet_begin(&w, HIP_I1, 0, &sender, &receiver);
	hip_packet_end(&w);
	ck_assert_int_eq(w.err, 0);
	return w.len;
}

START_TEST(source_is_the_kernel_s_choice)
{
	struct hip_path path = path_of(NULL, "127.0.0.1");
	struct address source;

	ck_assert_int_eq(hip_raw_source(&path.remote, &source), 0);
	ck_assert(address_equal(&source, &path.remote));
	path.remote.type = ADDRESS_NONE;
	ck_assert_int_eq(hip_raw_source(&path.remote, &source), ERR_NO_ROUTE);
}
END_TEST

START_TEST(packet_without_a_source_gets_it_and_its_checksum)
{
	static const char *const locals[] = { NULL, "0.0.0.0", "::" };

	for (size_t i = 0; i < sizeof(locals) / sizeof(locals[0]); i++) {
		struct hip_path path = path_of(locals[i], "127.0.0.1");
		uint8_t bytes[HIP_PACKET_MAX];
		size_t len = i1_make(bytes);
		struct hip_packet p;

		ck_assert(hip_raw_dress(&path, bytes, len));
		ck_assert(address_equal(&path.local, &path.remote));
		ck_assert_int_eq(hip_packet_get(slice_of(bytes, len), &p), 0);
		ck_assert_uint_eq(p.checksum, hip_checksum(&path.local, &path.remote, p.bytes));
		ck_assert_uint_ne(p.checksum, 0);
	}
}
END_TEST

START_TEST(packet_with_a_source_or_none_at_all_stays)
{
	struct hip_path path = path_of("127.0.0.7", "127.0.0.1"), before = path;
	uint8_t bytes[HIP_PACKET_MAX], same[HIP_PACKET_MAX];
	size_t len = i1_make(bytes);

	memcpy(same, bytes, len);
	ck_assert(!hip_raw_dress(&path, bytes, len));
	ck_assert(hip_path_equal(&path, &before));
	path = path_of("0.0.0.0", "127.0.0.1");
	ck_assert(!hip_raw_dress(&path, bytes, HIP_HEADER_LENGTH - 1));
	path.remote.type = ADDRESS_NONE;
	ck_assert(!hip_raw_dress(&path, bytes, len));
	ck_assert_mem_eq(bytes, same, len);
}
END_TEST

int main(void)
{
	return RUN_TESTS("hip raw", source_is_the_kernel_s_choice, packet_without_a_source_gets_it_and_its_checksum,
			 packet_with_a_source_or_none_at_all_stays);
}
