/* Shows one value of the configuration to an operator: the file is root's, so the program is set-user-ID. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "edge.h"

int main(int argc, char **argv)
{
	char key[64], value[192];
	if (argc != 3 || strcmp(argv[1], "show")) {
		fputs("usage: edgectl show KEY\n", stderr);
		return 2;
	}
	FILE *f = fopen("/etc/edge/edge.conf", "r");
	if (setuid(getuid()) || !f)
		return 1;
	while (edge_pair(f, key, sizeof key, value, sizeof value))
		if (!strcmp(key, argv[2]))
			puts(value);
	return fclose(f) != 0;
}
