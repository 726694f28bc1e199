#!/bin/sh
# firmware-stub/bearssl.sh DIR - BearSSL's source, as Debian has it, into DIR/src.
# Pinned by the SHA-256 of the .dsc, which names the digests of all other files.  Needs dpkg-dev and xz-utils, and a network
# at the first run; after that it is done at once.  Changes nothing in /etc/apt or /var: the list of sources and apt's state
# are DIR's own.
set -eu

version=0.6+dfsg.1-3
dsc_sha256=9bd17e07fc9824b0223dcb4ba14adac17981a4d8f1d63b6655819fe8f2ed98d1
dir=${1:?usage: bearssl.sh DIR}
done=$dir/src/.$version

die() {
    echo "bearssl.sh: $*" >&2
    exit 1
}

[ -e "$done" ] && exit 0
for tool in apt-get dpkg-source sha256sum; do
    command -v "$tool" >/dev/null || die "$tool is missing: install dpkg-dev"
done

rm -rf "$dir"
mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$dir/etc"
dir=$(cd "$dir" && pwd)

# Where this machine gets its packages from is where the source lies too; other vendors' archives are left out.
apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT) $(ORIGIN)' 'Created-By: Packages' |
    awk '$4 == "Debian" || $1 ~ /\/debian(-security)?\/?$/ { print "deb-src", $1, $2, $3 }' | sort -u >"$dir/etc/sources.list"
[ -s "$dir/etc/sources.list" ] || die "apt knows no Debian archive (apt-get indextargets)"

apt() {
    apt-get -qq -o Dir::Etc::SourceList="$dir/etc/sources.list" -o Dir::Etc::SourceParts=- -o Dir::State::Lists="$dir/lists" \
        -o Dir::Cache="$dir/cache" -o APT::Sandbox::User="$(id -un)" "$@"
}

echo "  bearssl $version: fetching Debian's source package"
apt update || die "the list of Debian's source packages cannot be fetched"
(cd "$dir" && apt source --download-only "bearssl=$version" >/dev/null) || die "bearssl=$version cannot be fetched"

dsc=$dir/bearssl_$version.dsc
[ -e "$dsc" ] || die "apt fetched no $(basename "$dsc")"
got=$(sha256sum "$dsc" | cut -d' ' -f1)
[ "$got" = "$dsc_sha256" ] || die "$(basename "$dsc") has SHA-256 $got, not $dsc_sha256: nothing is built from it"
awk '/^[^ ]/ { on = /^Checksums-Sha256:/; next } on { print $1 "  " $3 }' "$dsc" >"$dir/sha256"
(cd "$dir" && [ -s sha256 ] && sha256sum --quiet --strict -c sha256) || die "a file of $(basename "$dsc") is not what the .dsc says"

dpkg-source --no-check -x "$dsc" "$dir/src" >/dev/null || die "dpkg-source cannot unpack $(basename "$dsc")"
rm -rf "$dir/lists" "$dir/cache" "$dir/etc"
: >"$done"
