/* SPDX-License-Identifier: MIT */
/* Two things differ from UDP: the opening, as the kernel hands on each packet of the protocol; and that the usage's
 * checksum covers the source address, which on a wildcard socket the kernel chooses. */
#include "node/hip_raw.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "node/hip_socket.h"
#include "node/socket_address.h"

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

/* Connecting a UDP socket asks the routing table and sends nothing. Each time anew: control packets are rare, and
 * routes change. */
int hip_raw_source(const struct address *remote, struct address *source)
{
	struct address there = *remote;
	struct sockaddr_storage name;
	socklen_t len = remote->type == ADDRESS_IPV6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	int fd, err = ERR_NO_ROUTE;

	if (remote->type != ADDRESS_IPV4 && remote->type != ADDRESS_IPV6)
		return ERR_NO_ROUTE;
	there.port = 9; /* any but 0 */
	address_to_socket(&there, &name);
	fd = socket(name.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return ERR_NO_ROUTE;
	if (connect(fd, (const struct sockaddr *)&name, len) == 0 &&
	    getsockname(fd, (struct sockaddr *)&name, &len) == 0) {
		address_from_socket((const struct sockaddr *)&name, source);
		source->port = 0;
		if (source->type == remote->type && !address_is_any(source))
			err = 0;
	}
	(void)close(fd);
	return err;
}

bool hip_raw_dress(struct hip_path *path, uint8_t *packet, size_t len)
{
	struct address source;

	if ((path->local.type == path->remote.type && !address_is_any(&path->local)) || len < HIP_HEADER_LENGTH ||
	    hip_raw_source(&path->remote, &source) != 0)
		return false;
	path->local = source;
	hip_checksum_set(packet, hip_checksum(&source, &path->remote, slice_of(packet, len)));
	return true;
}
