/* Reads the routing table of the configuration and prints it, one line a route. */
#include <stdio.h>
#include <string.h>
#include "edge.h"

int main(int argc, char **argv)
{
	char key[64], value[192], text[256];
	FILE *f = fopen(argc > 1 ? argv[1] : "/etc/edge/edge.conf", "r");
	if (!f)
		return 1;
	while (edge_pair(f, key, sizeof key, value, sizeof value)) {
		if (strncmp(key, "route.", 6))
			continue;
		snprintf(text, sizeof text, "%s via %s", key + 6, value);
		puts(text);
	}
	return fclose(f) != 0;
}
