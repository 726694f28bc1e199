# tests/cli/fleet.bash - products and devices of schemes whose boards a test does not need: made in the registry, as the
# line would leave them.  Behind tests/cli/line.bash.

registry() { # registry SQL: on the line's registry
    sqlite3 "$T/registry.db" "$1"
}

now() {
    date -u +%Y-%m-%dT%H:%M:%S.000Z
}

product() { # product FLEET SCHEME SUITE [RA [BACKUP]]: named f$FLEET; RA, BACKUP: x in hex
    local ra=${4:+x\'$4\'} backup=${5:+x\'$5\'} epoch=1
    [[ $2 != [145] ]] || epoch=0
    registry "INSERT INTO product (name, chip, scheme, suite, fleet, model, policy, sid_len, ctr_len, lock_level,
        serial_first, serial_last, created, epoch, master, ra_x, backup_ra_x) VALUES ('f$1', 'stm32l476', $2, $3, $1, 0, 8, 2, 1,
        0, $(($1 * 1000)), $(($1 * 1000 + 999)), '$(now)', $epoch, '', ${ra:-NULL}, ${backup:-NULL})"
}

first_key() { # first_key FLEET: epoch 1, made in the server token and recorded
    fl --json key new --fleet "$1"
    registry "INSERT INTO fleet_key (fleet, epoch, suite, x, label, state, signer, deadline, created)
        VALUES ($1, 1, 1, x'$(json public)', 'fleet/$1/1', 'ACTIVE', 0, '', '$(now)')"
}

serial_of() { # serial_of FLEET N
    printf '0000%04x%08x' "$1" $(($1 * 1000 + $2))
}

device() { # device FLEET N [STATE]: the N-th of f$FLEET, its intent recorded, in its product's first epoch
    local serial state=${3:-DONE} epoch image
    serial=$(serial_of "$1" "$2")
    epoch=$(registry "SELECT printf('%02x', epoch) FROM product WHERE fleet = $1")
    image=$(printf '00%.0s' {1..22})$epoch$(printf '00%.0s' {1..153})
    registry "INSERT INTO device (serial, short, uid, product, state, station, day, image,
        image_sha256, created, updated) VALUES ('$serial',
        $(($1 * 1000 + $2)), '$(printf '%024x' $(($1 * 1000 + $2)))', 'f$1', '$state', 1, 2516, x'$image', zeroblob(32), '$(now)', '$(now)')"
}

heard() { # heard FLEET N EPOCH: an OPEN of that epoch came
    registry "INSERT INTO device_seen (serial, epoch, nvm_loss, lost, heard) VALUES ('$(serial_of "$1" "$2")', $3, 0, 0, '$(now)')
        ON CONFLICT (serial) DO UPDATE SET epoch = $3"
}

authority() { # authority [--backup-ra]: made in the vault; prints its x
    "$BUILD/fuseline" -C "$T" --json key new "${1:---ra}" | sed 's/.*"public":"\([0-9a-f]*\)".*/\1/'
}
