/* SPDX-License-Identifier: MIT */
/* Tells systemd how the service is (sd_notify), when it asked for that. */
#ifndef NODE_SERVICE_NOTIFY_H
#define NODE_SERVICE_NOTIFY_H

/* "READY=1", "STOPPING=1". No effect without NOTIFY_SOCKET. */
void service_notify(const char *state);

#endif
