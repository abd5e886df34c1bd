/* SPDX-License-Identifier: MIT */
/* The bodies that dump prints, by method. For the dump files of this folder only. */
#ifndef OVERLAY_WIRE_DUMP_BODY_H
#define OVERLAY_WIRE_DUMP_BODY_H

#include "overlay/wire/dump_print.h"

/* Each reads its structure to the end of `r` and prints it; after a failure, noted in `r`, it has printed
 * nothing, or what could be decoded by itself. */
typedef void dump_body_fn(struct dump *d, struct reader *r);

dump_body_fn dump_attach;
dump_body_fn dump_app_attach;
dump_body_fn dump_join_req;
dump_body_fn dump_join_ans;
dump_body_fn dump_leave_req;
dump_body_fn dump_chord_update;
dump_body_fn dump_route_query_req;
dump_body_fn dump_route_query_ans;

dump_body_fn dump_store_req;
dump_body_fn dump_store_ans;
dump_body_fn dump_fetch_req;
dump_body_fn dump_stat_req;
dump_body_fn dump_fetch_ans;
dump_body_fn dump_stat_ans;
dump_body_fn dump_find_req;
dump_body_fn dump_find_ans;

dump_body_fn dump_ping_req;
dump_body_fn dump_ping_ans;
dump_body_fn dump_probe_req;
dump_body_fn dump_probe_ans;
dump_body_fn dump_config_update_req;
dump_body_fn dump_inspect_ans;
dump_body_fn dump_hip_carry_req;
dump_body_fn dump_hip_carry_ans;

/* The values of the Kinds whose contents this folder knows. */
dump_body_fn dump_sip_registration;
dump_body_fn dump_turn_server;
dump_body_fn dump_hip_record;

#endif
