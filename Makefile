# make test sets up what it needs and passes all tests. On Debian it installs missing system packages itself.
# The others are for those who work on the program: see CONTRIBUTING.md.

GO ?= go
TOOLS := $(GO) tool -modfile=tools/go.mod

# program:package, what the tests compare with
NEEDS := mksquashfs:squashfs-tools mkfs.ext4:e2fsprogs debugfs:e2fsprogs cpio:cpio mkimage:u-boot-tools sfdisk:fdisk \
	zip:zip unzip:unzip bsdtar:libarchive-tools lz4:lz4 zstd:zstd xz:xz-utils bzip2:bzip2 setcap:libcap2-bin \
	setfattr:attr openssl:openssl gcc:gcc readelf:binutils ssh-keygen:openssh-client dpkg-deb:dpkg mkfs.vfat:dosfstools strace:strace 7z:p7zip-full \
	initdb:postgresql setpriv:util-linux unshare:util-linux node:nodejs npm:npm

# Debian keeps the programs of PostgreSQL's server, and those of root, off the path.
export PATH := $(PATH):/usr/sbin:/sbin:$(subst $(eval ) ,:,$(wildcard /usr/lib/postgresql/*/bin))

.PHONY: test needs check verifier unit crosscheck bench fuzz build soak

test: needs check verifier unit crosscheck

needs:
	@missing=; for n in $(NEEDS); do \
		PATH="$$PATH:$$(echo /usr/lib/postgresql/*/bin | tr ' ' :)" command -v $${n%%:*} >/dev/null 2>&1 || missing="$$missing $${n##*:}"; done; \
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
	$(GO) test -race -timeout 20m ./...
	@# Bounds of time and memory mean something without the race detector only.
	$(GO) test -run 'TestMillionEntries|Bomb|Window|TestSameNameManyTimes' ./unpack

RELEASE := CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w'

build:
	$(RELEASE) -o bin/probat ./cmd/probat
	$(RELEASE) -o bin/probat-verify ./cmd/probat-verify

# What customers run builds everywhere, and stays small enough to read: at most 8 MB.
verifier:
	@for os in linux darwin windows; do \
		GOOS=$$os $(RELEASE) -o bin/probat-verify-$$os ./cmd/probat-verify || exit 1; \
		size=$$(wc -c < bin/probat-verify-$$os); \
		if [ $$size -gt 8000000 ]; then echo "probat-verify for $$os has $$size bytes, more than 8 MB"; exit 1; fi; done

# Other people's verifiers over what we make: doc/interoperability.md. -count=1: the tests build the programs, which the cache does not see.
crosscheck:
	cd internal/crosscheck && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	cd internal/crosscheck && $(GO) vet ./... && $(GO) tool -modfile=../../tools/go.mod staticcheck ./... && $(GO) test -race -count=1 -timeout 10m ./...

# Half an hour: 500 kills at random points, logs of a million acts.
soak:
	PROBAT_SOAK=500 $(GO) test -timeout 60m ./ledger/...

# Whole products: speed and memory, as doc/performance.md describes.
bench: build
	$(GO) run ./internal/bench

# Every fuzz target for a minute.
fuzz:
	@for p in $$($(GO) list ./...); do \
		for f in $$($(GO) test -list '^Fuzz' $$p | grep ^Fuzz); do \
			echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime 60s $$p || exit 1; done; done
