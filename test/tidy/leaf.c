/* SPDX-License-Identifier: MIT */
/* Nothing to run: that this links with one whole leaf and the overlay is what is tested. */
int main(void)
{
	return 0;
}
