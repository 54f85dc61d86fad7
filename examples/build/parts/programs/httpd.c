/* Answers the first line of a request on standard input with the name of the page: as much of a web server as the example needs. */
#include <stdio.h>
#include <string.h>

int main(void)
{
	char line[256], path[128];
	if (!fgets(line, sizeof line, stdin) || sscanf(line, "GET %127s", path) != 1)
		return 1;
	printf("HTTP/1.0 404 Not Found\r\nContent-Length: %zu\r\n\r\n%s", strlen(path), path);
	return 0;
}
