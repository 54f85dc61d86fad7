#!/bin/sh
# Has cosign verify what Probat makes, with the commands of README.txt in a credential: a fresh one, made as a new user would; and each way to tamper
# with one that internal/crosscheck knows, of which its table says what cosign makes of it.
#
# It is no part of make test, since building cosign takes ten minutes. The built program is kept for the next time; COSIGN=PROGRAM names another one.
# Where this may make a network namespace, cosign has no network. Needs go, git, npm ci in internal/crosscheck, openssl, unzip.
set -eu

version=v3.1.3
cd "$(dirname "$0")/.."
cosign=${COSIGN:-${XDG_CACHE_HOME:-$HOME/.cache}/probat-crosscheck/cosign-$version}
if [ ! -x "$cosign" ]; then
	echo "building cosign $version into $cosign"
	place=$(dirname "$cosign")
	mkdir -p "$place/build"
	# One package at a time: several need more memory than small machines have.
	GOBIN="$place/build" GOFLAGS=-p=1 CGO_ENABLED=0 nice -n 19 go install "github.com/sigstore/cosign/v3/cmd/cosign@$version"
	mv "$place/build/cosign" "$cosign"
	rmdir "$place/build"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin"
ln -s "$cosign" "$work/bin/cosign"
PATH="$work/bin:$PATH"
alone=
if unshare -n true 2>/dev/null; then alone='unshare -n'; fi

# verify DIR IMAGE runs the commands for cosign in DIR/README.txt.
verify() {
	commands=$(sed -n '/^  B=/p; /^  cosign/,/^$/p' "$1/README.txt" | sed "s|IMAGE|'$2'|")
	case $commands in *'cosign verify-blob-attestation'*) ;; *) echo "README.txt has no commands for cosign" >&2; exit 1 ;; esac
	(cd "$1" && $alone sh -e -c "$commands") 2>&1
}

echo "a fresh credential"
go build -o "$work/bin/" ./cmd/probat
export PROBAT_PASSPHRASE='only for this test'
(cd "$work" && probat lab init lab >/dev/null && probat evaluate "$OLDPWD/examples/edge-router/product.yaml" --seal --lab lab --out router.dossier >/dev/null)
unzip -q "$work"/*.probat.zip -d "$work/fresh"
image=$PWD/examples/edge-router/edge-router-4.2.1.tar.gz
verify "$work/fresh" "$image"
if verify "$work/fresh" "$PWD/README.md" >/dev/null; then echo "cosign accepts it for another file"; exit 1; fi

echo "credentials that were tampered with"
(cd internal/crosscheck && go test -count=1 -run '^TestTampering$' -keep "$work/tampered" . >/dev/null)
wrong=0
for dir in "$work"/tampered/*; do
	name=$(cat "$dir/name")
	why=$(cat "$dir/cosign")
	[ "$name" != nothing ] || why='nothing was done'
	if said=$(verify "$dir" image); then
		did=accepts
	else
		did=refuses
	fi
	case $did:$why in
	accepts:) wrong=$((wrong + 1)); echo "WRONG: accepts: $name" ;;
	refuses:?*) wrong=$((wrong + 1)); echo "WRONG: refuses: $name ($why): $(echo "$said" | tail -n 1)" ;;
	*) echo "$did: $name${why:+ ($why)}" ;;
	esac
done
[ "$wrong" = 0 ] || { echo "$wrong lines of the table are wrong"; exit 1; }
