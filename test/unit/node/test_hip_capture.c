/* SPDX-License-Identifier: MIT */
/* Tests of hip_capture.c: what is written, byte for byte. */
#include "node/hip_capture.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/unit/run.h"

static const uint8_t i1[] = {
	59, 6, 1, 0x21, 0, 0, 0, 0, /* next header, length (56 bytes in all), I1, version 2 */
	0x20, 0x01, 0x00, 0x22, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
	0x20, 0x01, 0x00, 0x22, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1,
	0x01, 0xff, 0, 2, 7, 8, 0, 0, /* DH_GROUP_LIST */
	0x0f, 0xff, 0, 2, 0, 0, 0, 0,
};

static size_t file_read(const char *path, uint8_t *out, size_t size)
{
	FILE *file = fopen(path, "rbe");
	size_t len;

	ck_assert_ptr_nonnull(file);
	len = fread(out, 1, size, file);
	ck_assert_int_eq(fclose(file), 0);
	return len;
}

START_TEST(capture_has_a_record_for_each_packet)
{
	struct now now = { { 5 }, { 1700000000123 } };
	struct hip_path path = { .channel = HIP_CHANNEL_OVERLAY };
	char name[] = "/tmp/peal-capture-XXXXXX", detail[200];
	uint8_t file[1000], *packet;
	uint32_t words[4];
	struct hip_capture *c;
	struct stat status;
	int fd = mkstemp(name);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq((int)write(fd, "left over", 9), 9);
	ck_assert_int_eq(fchmod(fd, 0644), 0);
	(void)close(fd);
	ck_assert_int_eq(hip_capture_open(&c, name, detail, sizeof(detail)), 0);
	hip_capture_packet(c, now, &path, true, slice_of(i1, sizeof(i1)));
	hip_capture_packet(c, now, &path, false, slice_of(i1, 12)); /* no packet */
	hip_capture_packet(c, now, &path, false, slice_of(i1, sizeof(i1)));
	hip_capture_close(c);
	ck_assert_int_eq(stat(name, &status), 0);
	ck_assert_uint_eq(status.st_mode & 0777, 0600);
	ck_assert_uint_eq(file_read(name, file, sizeof(file)), 24 + 2 * (16 + 40 + sizeof(i1)));
	memcpy(words, file, 4);
	ck_assert_uint_eq(words[0], 0xa1b2c3d4);
	memcpy(words, file + 20, 4);
	ck_assert_uint_eq(words[0], 101);
	memcpy(words, file + 24, 16);
	ck_assert_uint_eq(words[0], 1700000000);
	ck_assert_uint_eq(words[1], 123000);
	ck_assert_uint_eq(words[2], 40 + sizeof(i1));
	packet = file + 24 + 16;
	ck_assert_uint_eq(packet[0], 0x60);
	ck_assert_uint_eq(packet[5], sizeof(i1));
	ck_assert_uint_eq(packet[6], 139);
	ck_assert_int_eq(memcmp(packet + 8, i1 + 8, 32), 0);
	ck_assert_int_eq(memcmp(packet + 44 + 4, i1 + 8, sizeof(i1) - 8), 0);
	ck_assert(packet[44] != 0 || packet[45] != 0); /* the checksum is in */
	(void)unlink(name);
}
END_TEST

START_TEST(capture_says_why_it_cannot_be_made)
{
	struct hip_capture *c;
	char detail[200];

	ck_assert_int_eq(hip_capture_open(&c, "/nonexistent/a.pcap", detail, sizeof(detail)), ERR_IO);
	ck_assert_str_eq(detail, "hip-capture /nonexistent/a.pcap: No such file or directory");
}
END_TEST

int main(void)
{
	return RUN_TESTS("hip_capture", capture_has_a_record_for_each_packet, capture_says_why_it_cannot_be_made);
}
