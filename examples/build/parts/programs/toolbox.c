/* One program that acts as several small ones, by the name that it is called by. It does next to nothing: the example router
 * is there to be looked at, not to be run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const applets[] = {"init", "sh", "getty", "login", "inetd", "syslogd", "mount", "ip", "telnetd", 0};

int main(int argc, char **argv)
{
	char line[128];
	const char *name = strrchr(argv[0], '/');
	name = name ? name + 1 : argv[0];
	for (int i = 0; applets[i]; i++)
		if (!strcmp(applets[i], name)) {
			snprintf(line, sizeof line, "%s: %d arguments, not part of the example\n", name, argc - 1);
			fputs(line, stderr);
			return 1;
		}
	for (int i = 0; applets[i]; i++)
		puts(applets[i]);
	return 0;
}
