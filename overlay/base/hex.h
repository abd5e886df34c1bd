/* SPDX-License-Identifier: MIT */
/* Hexadecimal digits. */
#ifndef OVERLAY_BASE_HEX_H
#define OVERLAY_BASE_HEX_H

/* The value of a hex digit of either case, or -1. */
static inline int hex_digit(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

#endif
