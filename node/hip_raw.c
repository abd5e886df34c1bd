/* SPDX-License-Identifier: MIT */
/* Only the opening differs from UDP: the kernel hands on each packet of the protocol, and checksums are the usage's. */
#include "node/hip_raw.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "node/hip_socket.h"

int hip_raw_open(struct node *n, char *detail, size_t detail_size)
{
	static const int protocols[] = { HIP_PROTOCOL, ESP_PROTOCOL };
	char text[ADDRESS_TEXT_SIZE];

	for (size_t i = 0; i < n->settings.hip_listen.count; i++) {
		const struct address *at = &n->settings.hip_listen.items[i];

		for (size_t p = 0; p < 2; p++) {
			int err = hip_socket_add(n, at, protocols[p]);

			if (err == 0 || err == -EAFNOSUPPORT)
				continue;
			if (err == -EPERM || err == -EACCES)
				(void)snprintf(detail, detail_size,
					       "hip-raw: this process may not open raw sockets; give peald "
					       "CAP_NET_RAW, or set hip-raw = false");
			else
				(void)snprintf(detail, detail_size, "hip-raw: no raw socket of protocol %d on %s: %s",
					       protocols[p], address_text(at, text), strerror(-err));
			return ERR_IO;
		}
	}
	return 0;
}
