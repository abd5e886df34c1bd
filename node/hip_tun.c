/* SPDX-License-Identifier: MIT */
/* The device is set up by ioctl: HIT/128 with a route to 2001:20::/28, the IPv4 name with 1.0.0.0/8, MTU 1400 so that
 * ESP in UDP fits what most paths carry. */
#include "node/hip_tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "node/driver.h"
#include "node/hip_lsi.h"
#include "overlay/base/invariant.h"

#define MTU 1400
#define PACKETS_A_TURN 64
#define LOOK_AGAIN_US 1000000 /* the known HITs are looked through at most so often */

/* As the kernel has it; its own header does not go together with netinet/in.h. */
struct in6_address_request {
	struct in6_addr address;
	uint32_t prefix_length;
	int index;
};

struct hip_tun {
	struct node *node;
	uv_poll_t poll;
	int fd;
	struct hip_lsi *names;
	struct instant looked;
	bool closing;
};

/* ---- Names of HITs that are known here ---- */

static void names_learn(struct hip_tun *t, struct now now)
{
	struct hip_association_info a;
	struct hip_known known;
	size_t cursor = 0;

	if (t->looked.us != 0 && instant_since(now.mono, t->looked).us < LOOK_AGAIN_US)
		return;
	t->looked = now.mono;
	while (hip_pool_next(hip_host_pool(t->node->hip), &cursor, &known))
		(void)hip_lsi_of(t->names, &known.hit);
	cursor = 0;
	while (hip_host_next_association(t->node->hip, now, &cursor, &a))
		(void)hip_lsi_of(t->names, &a.hit);
}

bool hip_tun_name(struct node *n, const struct hit *hit, struct address *out)
{
	if (n->hip_tun == NULL)
		return false;
	*out = hip_lsi_of(n->hip_tun->names, hit);
	return true;
}

/* ---- Packets ---- */

static void packet_take(struct hip_tun *t, uint8_t *packet, size_t len)
{
	struct node *n = t->node;
	struct now now = node_now();
	struct hip_inner inner;
	int err = hip_lsi_outwards(t->names, packet, len, &inner);

	if (err == ERR_NOT_FOUND) {
		names_learn(t, now);
		err = hip_lsi_outwards(t->names, packet, len, &inner);
	}
	if (err == 0)
		err = hip_host_send(n->hip, now, &inner.to, inner.next_header, &inner.payload, 1);
	/* Neighbour discovery and the like of the kernel is not for anybody. */
	if (err != 0 && err != ERR_UNSUPPORTED)
		peer_counters(n->peer)->hip_lost++;
	driver_drain(n);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct hip_tun *t = poll->data;
	uint8_t packet[HIP_INNER_MAX];

	(void)events;
	if (status < 0)
		log_error(&t->node->log, "hip.device_lost", "name=%s action=\"restart peald\"",
			  t->node->settings.hip_tun);
	for (int i = 0; status == 0 && i < PACKETS_A_TURN && !t->closing; i++) {
		ssize_t len = read(t->fd, packet, sizeof(packet));

		if (len <= 0)
			return;
		if (t->node->hip != NULL)
			packet_take(t, packet, (size_t)len);
	}
}

void hip_tun_deliver(struct node *n, const struct hip_effect *e)
{
	uint8_t packet[HIP_INNER_MAX];
	size_t len;

	if (n->hip_tun == NULL)
		return;
	(void)hip_lsi_of(n->hip_tun->names, &e->hit);
	len = hip_lsi_inwards(n->hip_tun->names, &e->hit, e->next_header, e->bytes, packet);
	if (len == 0 || write(n->hip_tun->fd, packet, len) != (ssize_t)len)
		peer_counters(n->peer)->hip_lost++;
}

/* ---- The device ---- */

static int device_open(const char *name, int *fd, char *detail, size_t detail_size)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };

	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%.15s", name);
	*fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (*fd < 0) {
		int why = errno;

		(void)snprintf(detail, detail_size,
			       "hip-tun: /dev/net/tun: %s; give peald that device and CAP_NET_ADMIN, or leave hip-tun "
			       "empty", strerror(why));
		return why == EACCES || why == EPERM ? ERR_PERMISSION : ERR_IO;
	}
	if (ioctl(*fd, TUNSETIFF, &request) == 0)
		return 0;
	if (errno != EPERM && errno != EACCES) {
		(void)snprintf(detail, detail_size, "hip-tun: device %s: %s", name, strerror(errno));
		return ERR_IO;
	}
	(void)snprintf(detail, detail_size,
		       "hip-tun: this process may not make the device %s; give peald CAP_NET_ADMIN, or leave hip-tun "
		       "empty", name);
	return ERR_PERMISSION;
}

static struct sockaddr name_of_ipv4(const uint8_t bytes[4])
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr out;

	memcpy(&in.sin_addr, bytes, 4);
	memcpy(&out, &in, sizeof(out));
	return out;
}

/* IPv4 address, MTU, up. NULL, or what failed. */
static const char *device_set_ipv4(int control, struct ifreq *request, const struct address *own)
{
	static const uint8_t mask[4] = { 255, 0, 0, 0 };

	request->ifr_mtu = MTU;
	if (ioctl(control, SIOCSIFMTU, request) != 0)
		return "MTU";
	request->ifr_addr = name_of_ipv4(own->bytes);
	if (ioctl(control, SIOCSIFADDR, request) != 0)
		return "IPv4 address";
	request->ifr_netmask = name_of_ipv4(mask);
	if (ioctl(control, SIOCSIFNETMASK, request) != 0)
		return "IPv4 netmask";
	if (ioctl(control, SIOCGIFFLAGS, request) != 0)
		return "flags";
	request->ifr_flags |= IFF_UP | IFF_RUNNING;
	return ioctl(control, SIOCSIFFLAGS, request) == 0 ? NULL : "state";
}

static const char *device_set_ipv6(int control, int index, const struct hit *own)
{
	struct in6_address_request address = { .prefix_length = 128, .index = index };
	struct in6_rtmsg route = { .rtmsg_dst_len = 28, .rtmsg_metric = 1, .rtmsg_flags = RTF_UP,
				   .rtmsg_ifindex = index };
	static const uint8_t orchids[4] = { 0x20, 0x01, 0x00, 0x20 };

	memcpy(&address.address, own->bytes, HIT_LENGTH);
	if (ioctl(control, SIOCSIFADDR, &address) != 0 && errno != EEXIST)
		return "HIT as IPv6 address";
	memcpy(&route.rtmsg_dst, orchids, sizeof(orchids));
	return ioctl(control, SIOCADDRT, &route) == 0 || errno == EEXIST ? NULL : "route to 2001:20::/28";
}

static int device_set(const char *name, const struct hit *own, const struct address *own_name, char *detail,
		      size_t detail_size)
{
	int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int control6 = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { 0 };
	const char *failed = "sockets";

	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%.15s", name);
	if (control >= 0 && control6 >= 0)
		failed = device_set_ipv4(control, &request, own_name);
	if (failed == NULL)
		failed = device_set_ipv6(control6, (int)if_nametoindex(name), own);
	if (failed != NULL)
		(void)snprintf(detail, detail_size, "hip-tun: device %s: %s: %s", name, failed, strerror(errno));
	if (control >= 0)
		(void)close(control);
	if (control6 >= 0)
		(void)close(control6);
	return failed == NULL ? 0 : ERR_IO;
}

int hip_tun_open(struct node *n, char *detail, size_t detail_size)
{
	char hit[HIT_TEXT_SIZE], address[ADDRESS_TEXT_SIZE];
	struct address own_name;
	struct hip_lsi *names;
	struct hip_tun *t;
	int fd, err;

	if (n->hip_tun != NULL)
		return 0;
	names = hip_lsi_new(hip_host_hit(n->hip), n->connections.admission.seed);
	own_name = hip_lsi_own(names);
	err = device_open(n->settings.hip_tun, &fd, detail, detail_size);
	if (err == 0)
		err = device_set(n->settings.hip_tun, hip_host_hit(n->hip), &own_name, detail, detail_size);
	if (err != 0) {
		if (fd >= 0)
			(void)close(fd);
		hip_lsi_free(names);
		return err;
	}
	t = memory_alloc(sizeof(*t));
	*t = (struct hip_tun){ .node = n, .fd = fd, .names = names };
	invariant(uv_poll_init(&n->loop, &t->poll, fd) == 0);
	t->poll.data = t;
	invariant(uv_poll_start(&t->poll, UV_READABLE, on_readable) == 0);
	n->hip_tun = t;
	log_info(&n->log, "hip.device", "name=%s hit=%s ipv4=%s", n->settings.hip_tun,
		 hit_text(hip_host_hit(n->hip), hit), address_text(&own_name, address));
	return 0;
}

static void on_closed(uv_handle_t *handle) { free(handle->data); }

void hip_tun_close(struct node *n)
{
	struct hip_tun *t = n->hip_tun;

	if (t == NULL)
		return;
	n->hip_tun = NULL;
	t->closing = true;
	uv_close((uv_handle_t *)&t->poll, on_closed);
	(void)close(t->fd);
	hip_lsi_free(t->names);
}
