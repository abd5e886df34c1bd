/* SPDX-License-Identifier: MIT */
/* pcap with LINKTYPE_RAW. A packet is written at once: control packets are few, and whoever looks wants them now. */
#include "node/hip_capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "overlay/base/invariant.h"
#include "overlay/base/writer.h"


#define LINKTYPE_RAW 101
#define IPV6_HEADER 40
#define RECORD_HEADER 16
#define HOP_LIMIT 64

struct hip_capture {
	int fd;
};

/* In the byte order of this machine, as the magic number tells. */
struct file_header {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, accuracy, length, link_type;
};

struct record_header {
	uint32_t seconds, microseconds, captured, length;
};

_Static_assert(sizeof(struct record_header) == RECORD_HEADER, "as pcap has it");

int hip_capture_open(struct hip_capture **out, const char *path, char *detail, size_t detail_size)
{
	static const struct file_header header = { 0xa1b2c3d4, 2, 4, 0, 0, 65535, LINKTYPE_RAW };
	struct hip_capture *c;
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 || fchmod(fd, 0600) != 0 || ftruncate(fd, 0) != 0 ||
	    write(fd, &header, sizeof(header)) != (ssize_t)sizeof(header)) {
		(void)snprintf(detail, detail_size, "hip-capture %s: %s", path, strerror(errno));
		if (fd >= 0)
			(void)close(fd);
		return ERR_IO;
	}
	c = memory_alloc(sizeof(*c));
	c->fd = fd;
	*out = c;
	return 0;
}

void hip_capture_close(struct hip_capture *c)
{
	if (c == NULL)
		return;
	(void)close(c->fd);
	free(c);
}

static struct address address_of_hit(const uint8_t *hit)
{
	struct address a = { .type = ADDRESS_IPV6 };

	memcpy(a.bytes, hit, HIT_LENGTH);
	return a;
}

void hip_capture_packet(void *ctx, struct now now, const struct hip_path *path, bool sent, struct slice packet)
{
	struct hip_capture *c = ctx;
	uint8_t bytes[RECORD_HEADER + IPV6_HEADER + HIP_PACKET_MAX + 8];
	uint8_t *copy = bytes + RECORD_HEADER + IPV6_HEADER;
	struct writer w = writer_of(bytes + RECORD_HEADER, sizeof(bytes) - RECORD_HEADER);
	struct record_header record;
	struct address from, to;

	(void)path;
	(void)sent;
	if (packet.len < HIP_HEADER_LENGTH || packet.len > HIP_PACKET_MAX + 8)
		return;
	from = address_of_hit(packet.data + 8);
	to = address_of_hit(packet.data + 8 + HIT_LENGTH);
	writer_u32(&w, 6u << 28);
	writer_u16(&w, (uint16_t)packet.len);
	writer_u8(&w, HIP_PROTOCOL);
	writer_u8(&w, HOP_LIMIT);
	writer_bytes(&w, slice_of(from.bytes, HIT_LENGTH));
	writer_bytes(&w, slice_of(to.bytes, HIT_LENGTH));
	writer_bytes(&w, packet);
	invariant(w.err == 0);
	hip_checksum_set(copy, hip_checksum(&from, &to, slice_of(copy, packet.len)));
	record.seconds = (uint32_t)(now.wall.ms / 1000);
	record.microseconds = (uint32_t)(now.wall.ms % 1000) * 1000;
	record.captured = record.length = (uint32_t)w.len;
	memcpy(bytes, &record, RECORD_HEADER);
	/* One write, so that a reader never sees half a record; a full disk loses packets of the capture only. */
	if (write(c->fd, bytes, RECORD_HEADER + w.len) < 0)
		return;
}
