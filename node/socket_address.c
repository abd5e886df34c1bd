/* SPDX-License-Identifier: MIT */
/* Addresses as sockets have them. */
#include "node/socket_address.h"

#include <netinet/in.h>
#include <string.h>

void address_from_socket(const struct sockaddr *from, struct address *out)
{
	*out = (struct address){ 0 };
	if (from->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)from;

		out->type = ADDRESS_IPV4;
		memcpy(out->bytes, &in->sin_addr, 4);
		out->port = ntohs(in->sin_port);
	} else if (from->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)from;

		out->type = ADDRESS_IPV6;
		memcpy(out->bytes, &in6->sin6_addr, 16);
		out->port = ntohs(in6->sin6_port);
	}
}

void address_to_socket(const struct address *a, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (a->type == ADDRESS_IPV6) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)out;

		in6->sin6_family = AF_INET6;
		memcpy(&in6->sin6_addr, a->bytes, 16);
		in6->sin6_port = htons(a->port);
	} else {
		struct sockaddr_in *in = (struct sockaddr_in *)(void *)out;

		in->sin_family = AF_INET;
		memcpy(&in->sin_addr, a->bytes, 4);
		in->sin_port = htons(a->port);
	}
}
