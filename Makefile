# make test sets up what it needs and passes all tests. On Debian it installs missing system packages itself.
# The others are for those who work on the program: see CONTRIBUTING.md.

GO ?= go
TOOLS := $(GO) tool -modfile=tools/go.mod

# program:package, what the tests compare with
NEEDS := mksquashfs:squashfs-tools mkfs.ext4:e2fsprogs debugfs:e2fsprogs cpio:cpio mkimage:u-boot-tools sfdisk:fdisk \
	zip:zip unzip:unzip bsdtar:libarchive-tools lz4:lz4 zstd:zstd xz:xz-utils bzip2:bzip2 setcap:libcap2-bin \
	setfattr:attr openssl:openssl gcc:gcc readelf:binutils ssh-keygen:openssh-client dpkg-deb:dpkg mkfs.vfat:dosfstools strace:strace 7z:p7zip-full

.PHONY: test needs vet check unit bench fuzz build generate

test: needs check unit

needs:
	@missing=; for n in $(NEEDS); do \
		PATH="$$PATH:/usr/sbin:/sbin" command -v $${n%%:*} >/dev/null 2>&1 || missing="$$missing $${n##*:}"; done; \
	if [ -n "$$missing" ]; then \
		if command -v apt-get >/dev/null 2>&1 && [ "$$(id -u)" = 0 ]; then \
			echo "installing$$missing"; \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
		else echo "the tests need these Debian packages:$$missing"; exit 1; fi; fi

check:
	$(GO) vet ./...
	$(TOOLS) staticcheck ./...
	@unformatted=$$($(TOOLS) gofumpt -l .); if [ -n "$$unformatted" ]; then echo "gofumpt would change: $$unformatted"; exit 1; fi

unit:
	PATH="$$PATH:/usr/sbin:/sbin" $(GO) test -race -timeout 20m ./...
	@# Bounds of time and memory mean something without the race detector only.
	PATH="$$PATH:/usr/sbin:/sbin" $(GO) test -run 'TestMillionEntries|Bomb|Window|TestSameNameManyTimes' ./unpack

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o bin/probat ./cmd/probat

# Whole products: speed and memory, as doc/performance.md describes.
bench: build
	PATH="$$PATH:/usr/sbin:/sbin" $(GO) run ./internal/bench

# Every fuzz target for a minute.
fuzz:
	@for p in $$($(GO) list ./...); do \
		for f in $$($(GO) test -list '^Fuzz' $$p | grep ^Fuzz); do \
			echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime 60s $$p || exit 1; done; done
