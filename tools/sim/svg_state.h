/* SPDX-License-Identifier: MIT */
/* What svg.c records and svg_draw.c draws. */
#ifndef TOOLS_SIM_SVG_STATE_H
#define TOOLS_SIM_SVG_STATE_H

#include "tools/sim/svg.h"

#define SVG_SNAPSHOTS_MAX 4
#define SVG_CHORDS_MAX 6000 /* more would be a black disc */

enum svg_node {
	SVG_NODE_DOWN,
	SVG_NODE_JOINING,
	SVG_NODE_JOINED,
	SVG_NODE_PAUSED,
	SVG_NODE_COUNT
};

enum svg_link { SVG_LINK_OTHER, SVG_LINK_FINGER, SVG_LINK_NEIGHBOR, SVG_LINK_COUNT };

struct svg_chord {
	size_t a, b;
	enum svg_link type;
	bool is_young;
};

struct svg_snapshot {
	char caption[40];
	double at_s;
	enum svg_node *nodes;
	struct svg_chord *chords;
	size_t chord_count;
};

struct svg_sample {
	double at_s;
	size_t running, joined;
};

struct svg_event {
	double at_s, lasts_s;
	enum action_kind kind;
};

struct svg_fault {
	double at_s;
	char text[200];
};

struct svg {
	struct instant began;
	size_t peers;
	double *angles;   /* by node, in radians clockwise from the top */
	bool *is_hostile; /* by node */
	size_t hostile_count;
	struct svg_snapshot snapshots[SVG_SNAPSHOTS_MAX];
	size_t snapshot_count;
	struct svg_sample *samples;
	size_t sample_count, sample_room;
	struct svg_event *events;
	size_t event_count, event_room;
	struct svg_fault *faults;
	size_t fault_count;
};

#endif
