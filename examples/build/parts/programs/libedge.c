#include <string.h>
#include "edge.h"

int edge_pair(FILE *f, char *key, size_t nkey, char *value, size_t nvalue)
{
	char line[256], given[256];
	while (fgets(line, sizeof line, f)) {
		char *eq = strchr(line, '=');
		if (line[0] == '#' || !eq)
			continue;
		line[strcspn(line, "\n")] = 0;
		strcpy(given, eq + 1); /* with _FORTIFY_SOURCE the compiler puts a check here */
		*eq = 0;
		line[strcspn(line, " ")] = 0;
		snprintf(key, nkey, "%s", line);
		snprintf(value, nvalue, "%s", given + strspn(given, " "));
		return 1;
	}
	return 0;
}
