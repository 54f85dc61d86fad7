#!/bin/sh
# Makes the images of this folder anew. Needs root for the file capability and
# squashfs-tools, libcap2-bin and attr.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
cd "$tree"
chmod 755 .
mkdir bin etc lib
printf '#!/bin/sh\nexec true\n' >bin/su
chmod 4755 bin/su
ln bin/su bin/sudo
seq 1 600 >bin/ping
chmod 755 bin/ping
setcap cap_net_raw+ep bin/ping
note=$(printf '%0600d' 7)
setfattr -n user.note -v "$note" bin/ping
setfattr -n user.note -v "$note" bin/su
setfattr -n trusted.overlay.opaque -v y etc
{ seq 10001 10820 | head -c 4096; head -c 40960 /dev/zero; echo tail; } >etc/sparse
ln -s ../bin/su lib/link
make() {
	out=$here/$1.squashfs
	shift
	mksquashfs . "$out" -noappend -quiet -no-progress -b 4096 -tailends -nopad -mkfs-time 1700000000 -all-time 1700000000 \
		-p 'dev d 755 0 0' -p 'dev/null c 666 0 0 1 3' -p 'dev/sda b 660 0 6 8 300000' \
		-p 'dev/fifo i 600 1000 1000 f' -p 'dev/sock i 755 1000 1000 s' "$@"
}
make gzip
make xz -comp xz -Xbcj x86,arm
make plain -noI -noId -noF -noX
