/* SPDX-License-Identifier: MIT */
/* A proxy with one registered phone on a ring of one, for the SIP targets. */
#ifndef TEST_FUZZ_SIP_FIXTURE_H
#define TEST_FUZZ_SIP_FIXTURE_H

#include "tools/sim/net.h"
#include "usage/sip/sip_usage.h"

/* The net stays for the life of the process; each input gets a proxy of its own. */
struct net *sip_fixture_net(void);
struct sip_usage *sip_fixture_open(void);
/* Lets all timers run out first. */
void sip_fixture_close(struct sip_usage *s);
void sip_fixture_drain(struct sip_usage *s);
struct address sip_fixture_phone(void);

#endif
