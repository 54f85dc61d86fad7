/* Opens the raw socket that an echo request needs and says whether it may: why the file has a capability. */
#include <stdio.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char text[96];
	int s = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	snprintf(text, sizeof text, "ping %s: %s", argc > 1 ? argv[1] : "?", s < 0 ? "not permitted" : "ready");
	puts(text);
	return s < 0 ? 1 : close(s);
}
