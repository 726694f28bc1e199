#!/bin/bash
# tests/bench/baseline.sh DIR CHIP FIRMWARE.elf SERIAL - one board, the way a plain script does it: a key pair in a SoftHSM2 token by
# pkcs11-tool, its public key into an OTP image, OpenOCD writes and verifies OTP and firmware, sqlite3 keeps the row.
# No intent before the burn, no wrapped key, no proof, no lock, no replay: what is measured is the time of its tools alone.
# DIR: made once with `baseline.sh DIR init`; holds softhsm2.conf, the token, adapter.cfg (the caller's) and devices.db.
set -eu
dir=$1
export SOFTHSM2_CONF=$dir/softhsm2.conf
pkcs11() { pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so --token-label TEST-baseline --login --pin 1234 "$@"; }

if [ "$2" = init ]; then
    mkdir -p "$dir/tokens"
    printf 'directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n' "$dir" >"$SOFTHSM2_CONF"
    softhsm2-util --init-token --free --label TEST-baseline --so-pin 12345678 --pin 1234
    sqlite3 "$dir/devices.db" 'CREATE TABLE device (serial TEXT PRIMARY KEY, key_id TEXT UNIQUE, pub TEXT UNIQUE, added TEXT)'
    exit
fi

chip=$2 firmware=$3 serial=$4
case $chip in
stm32l476) target=stm32l4x otp=0x1fff7000 enable='stm32l4x otp 1 enable' ;;
stm32f407) target=stm32f4x otp=0x1fff7800 enable='stm32f2x otp 1 enable' ;;
esac

pkcs11 --keypairgen --key-type EC:prime256v1 --id "$serial" --label "device $serial" >"$dir/keygen.out"
pkcs11 --read-object --type pubkey --id "$serial" --output-file "$dir/pub.der" >"$dir/read.out"
x=$(tail -c 64 "$dir/pub.der" | head -c 32 | od -An -v -tx1 | tr -d ' \n')
{
    printf 'FL1O\x01\x01\x01\x01' && printf '%b' "$(sed 's/../\\x&/g' <<<"$serial")" && head -c 16 /dev/zero &&
        tail -c 64 "$dir/pub.der" | head -c 32 && head -c 96 /dev/zero | tr '\0' '\377' && head -c 16 "$dir/pub.der"
} >"$dir/image"
openocd -f "$dir/adapter.cfg" -f "target/$target.cfg" \
    -c "telnet_port disabled; tcl_port disabled; gdb_port disabled; init; reset halt" \
    -c "$enable; flash write_bank 1 $dir/image 0; verify_image $dir/image $otp bin" \
    -c "flash write_image erase $firmware; verify_image $firmware" \
    -c "reset run; shutdown"
sqlite3 "$dir/devices.db" "INSERT INTO device VALUES ('$serial', '$serial', '$x', datetime('now'))"
