/* SPDX-License-Identifier: MIT */
/* Every reason to refuse, drop or answer with an error has a counter. */
#ifndef OVERLAY_COUNTER_H
#define OVERLAY_COUNTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "overlay/base/error.h"
#include "overlay/wire/method.h"

/* X(name, meaning) */
#define COUNTER_MAP(X)                                                                             \
	X(bytes_in, "bytes received on overlay links")                                             \
	X(bytes_out, "bytes sent on overlay links")                                                \
	X(messages_in, "messages received")                                                        \
	X(messages_forwarded, "messages passed on")                                                \
	X(messages_delivered, "messages for this node")                                            \
	X(messages_sent, "messages this node originated")                                          \
	X(retransmissions, "end-to-end retransmissions")                                           \
	X(duplicates, "repeated requests answered from the cache")                                 \
	X(dropped_malformed, "dropped: not decodable")                                             \
	X(dropped_header, "dropped: token, version, overlay, length or TTL wrong")                 \
	X(dropped_no_route, "dropped: no route or not ours")                                       \
	X(dropped_signature, "dropped: signature or certificate not acceptable")                   \
	X(dropped_answer, "dropped: answer nobody waits for, or from the wrong node")              \
	X(dropped_fragment, "dropped: fragment too late, too many or inconsistent")                \
	X(dropped_limit, "dropped: a limit was reached")                                           \
	X(links_opened, "links brought up")                                                        \
	X(links_refused, "links refused")                                                          \
	X(links_lost, "links lost")                                                                \
	X(frames_retransmitted, "frames sent again on a datagram link")                            \
	X(errors_answered, "requests answered with an Error")                                      \
	X(stores_accepted, "values stored")                                                        \
	X(stores_refused, "Store requests refused")                                                \
	X(values_discarded, "fetched values discarded by their reader")                            \
	X(values_expired, "values removed at the end of their lifetime")                           \
	X(sip_malformed, "SIP messages that could not be read")                                    \
	X(sip_refused, "SIP requests refused by this proxy, and credentials that were wrong")      \
	X(sip_stray, "SIP responses and ACKs that nothing here waits for")                         \
	X(sip_lost, "SIP messages that could not be sent or passed on")                            \
	X(sip_limit, "SIP messages and connections refused: a limit was reached")                  \
	X(hip_exchanges, "HIP base exchanges completed")                                           \
	X(hip_failed, "HIP base exchanges that came to nothing")                                   \
	X(hip_malformed, "HIP packets that could not be read")                                     \
	X(hip_checksum, "HIP packets whose checksum was wrong")                                    \
	X(hip_puzzle, "I2 packets whose puzzle or solution was wrong")                             \
	X(hip_signature, "HIP packets whose MAC or signature was wrong")                           \
	X(hip_identity, "HIP packets whose Host Identity does not hash to their HIT")              \
	X(hip_downgrade, "R1 and I2 packets refused as attempts to weaken the choice")             \
	X(hip_replayed, "HIP and ESP packets seen before")                                         \
	X(hip_stray, "HIP and ESP packets that nothing here waits for")                            \
	X(hip_forbidden, "HIP packets refused by policy")                                          \
	X(hip_limit, "HIP packets refused: a limit was reached")                                   \
	X(hip_suppressed, "I1 packets suppressed as repetitions by another channel")               \
	X(hip_reflection, "R1 packets not sent, because the I1 was shorter and its source unknown") \
	X(hip_carried, "HIP packets carried for other hosts")                                      \
	X(hip_lost, "HIP packets that could not be sent or delivered")                             \
	X(esp_in, "ESP packets received")                                                          \
	X(esp_out, "ESP packets sent")                                                             \
	X(esp_refused, "ESP packets with a wrong ICV or padding")                                  \
	X(media_in, "media datagrams to phones")                                                   \
	X(media_out, "media datagrams from phones")                                                \
	X(media_lost, "media datagrams that had nowhere to go")                                    \
	X(media_refused, "calls refused because their media could not be protected")

struct counters {
#define X(name, meaning) uint64_t name;
	COUNTER_MAP(X)
#undef X
	uint64_t requests_in[METHOD_COUNT];
	uint64_t requests_out[METHOD_COUNT];
	uint64_t errors[ERR_INDEX_COUNT]; /* how often each error was met, by error_index */
};

/* Counts `err` (negative) among errors. */
void counter_error(struct counters *c, int err);

/* Walks all counters by name for metrics and pealctl; false at the end. Start with *cursor == 0. */
bool counter_next(const struct counters *c, size_t *cursor, const char **name, const char **meaning,
		  uint64_t *value);

#endif
