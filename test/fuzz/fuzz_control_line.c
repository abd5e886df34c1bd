/* SPDX-License-Identifier: MIT */
/* A request line of the control socket. */
#include "node/control_call.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct control_command *command;
	char detail[200], hint[300];
	json_t *arguments;

	if (control_parse(slice_of(data, size), &command, &arguments, detail, sizeof(detail), hint,
			  sizeof(hint)) == 0)
		json_decref(arguments);
	return 0;
}
