/* SPDX-License-Identifier: MIT */
/* Hosts on virtual time with a wire between them: what one sends arrives at the other a little later, unless a hook
 * loses, doubles or changes it. Real cryptography unless the options bring another. */
#ifndef TEST_UNIT_HIP_HIP_FIXTURE_H
#define TEST_UNIT_HIP_HIP_FIXTURE_H

#include "crypto/host_provider.h"
#include "usage/hip/hip_internal.h"

#define FIXTURE_HOSTS_MAX 4
#define FIXTURE_LOG_MAX 262144

/* One datagram (or IP payload) on its way. */
struct fixture_datagram {
	struct fixture_datagram *next;
	struct instant due;
	size_t from, to;        /* hosts; from may be FIXTURE_HOSTS_MAX: a stranger */
	struct hip_path path;   /* as the receiver sees it */
	bool is_esp;
	size_t len;
	uint8_t bytes[HIP_PACKET_MAX + 512]; /* UDP: with the marker */
};
/* The HIP packet in it: its type; 0: ESP. `packet` gets the place of the header. */
uint8_t fixture_type(const struct fixture_datagram *d, size_t *packet);

struct fixture_host {
	struct host_provider *provider; /* NULL: options brought a port */
	struct hip_host_options options;
	struct hip_host *h;
	struct hit hit;
	struct address at;      /* 192.0.2.<number + 1>:10500 */
	struct counters counters;
	struct log log;
	char *text;             /* "event text\n" of all that was logged */
	size_t text_len;
	size_t sent[HIP_CLOSE_ACK + 1]; /* packets by type; 0: ESP */
	struct fixture_datagram last[HIP_CLOSE_ACK + 1]; /* of each type: as sent, before the hook */
	size_t bytes_in, bytes_out;     /* of HIP */
	size_t payloads;        /* effects of that type, and the last one */
	uint8_t payload[ESP_PAYLOAD_MAX];
	size_t payload_len;
	uint8_t next_header;
};

struct fixture {
	struct now now;
	struct fixture_host hosts[FIXTURE_HOSTS_MAX];
	size_t count;
	struct fixture_datagram *first; /* by time */
	struct duration delay;
	/* How often a datagram arrives: 0 lost, 1, 2 ... It may be changed. NULL: always once. */
	unsigned (*hook)(void *ctx, struct fixture *f, struct fixture_datagram *d);
	void *hook_ctx;
};

void fixture_begin(struct fixture *f);
void fixture_end(struct fixture *f);
/* Adds a host with a fresh key and returns its number. `options` (may be NULL): security, log, counters, listen and
 * locators are filled in when they are empty. */
size_t fixture_add(struct fixture *f, enum hit_suite suite, const struct hip_host_options *options);
/* The host loses all its state and comes back with the same key. */
void fixture_restart(struct fixture *f, size_t host);

/* Sends what the hosts want to send now. */
void fixture_drain(struct fixture *f);
/* Lets so much time pass, event by event. */
void fixture_run(struct fixture *f, uint64_t ms);
/* Until both ends are established; false: not within that time. */
bool fixture_run_until_established(struct fixture *f, size_t a, size_t b, uint64_t ms);
/* One calls the other by its address. */
void fixture_connect(struct fixture *f, size_t from, size_t to);
/* Both, asserted. */
void fixture_join(struct fixture *f, size_t from, size_t to);
/* Loses all that is on its way. */
void fixture_lose(struct fixture *f);
/* A packet (HIP header on) for a host by UDP from any address, at once. */
void fixture_inject(struct fixture *f, size_t to, const struct address *from, struct slice packet);

/* The HIP packet that a host sent last of this type, as it was. */
struct slice fixture_sent(const struct fixture *f, size_t host, uint8_t type);
/* The place of a parameter's contents in a packet; asserts that it is there. */
uint8_t *fixture_parameter(uint8_t *packet, size_t len, uint16_t type, size_t *contents_len);
/* A packet that `host` changed or made: MAC and signature are made anew over what is before them. `with` is whose
 * association has the keys. Returns its length; `packet` has room for HIP_PACKET_MAX. */
size_t fixture_reseal(struct fixture *f, size_t host, size_t with, uint8_t *packet, size_t len);

struct hip_association *fixture_association(struct fixture *f, size_t of, size_t with);
enum hip_state fixture_state(struct fixture *f, size_t of, size_t with);
bool fixture_logged(const struct fixture *f, size_t host, const char *text);
size_t fixture_logged_times(const struct fixture *f, size_t host, const char *text);

#endif
