#!/bin/sh
# Builds the programs of the example into ../bin. They were built once, with gcc 12.2.0 of Debian 12 on x86-64, and are kept as built:
# the release has to have the same bytes on any machine. Each is a few kilobytes.
set -eu
cd "$(dirname "$0")"
out=../bin
hard="-Os -Wall -fPIE -pie -fstack-protector-all -D_FORTIFY_SOURCE=2 -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--build-id=sha1 -s"
for p in toolbox httpd ping rescue statsd; do gcc $hard -o $out/$p $p.c; done
gcc -Os -Wall -fPIC -shared -fstack-protector-all -D_FORTIFY_SOURCE=2 -Wl,-z,relro,-z,now,-z,noexecstack -Wl,-soname,libedge.so.1 \
	-Wl,--build-id=sha1 -s -o $out/libedge.so.1 libedge.c
for p in routed edgectl; do gcc $hard -o $out/$p $p.c $out/libedge.so.1; done
# The flawed one: an executable stack, a fixed address, no read-only relocations, no canary, no checked calls.
gcc -Os -Wall -fno-PIE -no-pie -fno-stack-protector -U_FORTIFY_SOURCE -Wl,-z,norelro,-z,lazy,-z,execstack -Wl,--build-id=sha1 -s \
	-o $out/statsd-flawed statsd.c
