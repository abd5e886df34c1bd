/* SPDX-License-Identifier: MIT */
/* HIP control packets as a pcap file, those too that crossed the ring or UDP: each stands behind an IPv6 header with
 * the HITs as addresses and has the checksum that belongs to that, so that any HIP dissector reads it. */
#ifndef NODE_HIP_CAPTURE_H
#define NODE_HIP_CAPTURE_H

#include "overlay/base/error.h"
#include "usage/hip/hip_host.h"

struct hip_capture;

/* Begins the file anew, mode 0600. ERR_IO; `detail` says why. */
int MUST_CHECK hip_capture_open(struct hip_capture **out, const char *path, char *detail, size_t detail_size);
/* NULL is fine. */
void hip_capture_close(struct hip_capture *c);

/* For hip_host_capture; ctx is the capture. */
void hip_capture_packet(void *ctx, struct now now, const struct hip_path *path, bool sent, struct slice packet);

#endif
