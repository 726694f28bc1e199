#!/usr/bin/env bats
# recover: what was cut off is ended without a question, three runs leave the same bytes, and an older registry is refused.

setup() {
    source "$BATS_TEST_DIRNAME/line.bash"
    begin
}

teardown() {
    end
}

recover() { # recover [OPTION...]
    fl --json recover "$@"
}

bytes() { # of registry, mark, tokens and chip
    (cd "$T" && sha256sum registry.db registry.mark && find tokens keep -type f | sort | xargs sha256sum)
    for at in 0 256; do ctl peek $((otp + at)) 256; done
    ctl rdp
}

cut_board() { # cut_board CELL [HOW]: the present board loses power in its burn
    ctl cut otp "$1" "${2:-none}"
    provision --burn
    [ "$status" = 81 ] || show
    ctl power on
}

@test "a board cut in its burn is finished, in its slot, with the same serial; three runs leave the same bytes" {
    line stm32l476
    cut_board 5
    local serial run
    serial=$(json serial)
    ctl stats clear
    recover
    succeeds
    [[ ${lines[0]} == '{"serial":"'"$serial"'","uid":"'*'","product":"p","state":"BURNING","since":"20'*'","next":"'* ]] || show
    [[ ${lines[1]} == '{"slot":"a","uid":"'*'","serial":"'"$serial"'","state":"BURNING","outcome":"to be finished with --burn","exit":0,"error":null}' ]] || show
    [ "${lines[2]}" = '{"interrupted":1,"finished":0,"to_finish":1,"failed":0}' ] || show
    burns_nothing
    recover --burn
    succeeds
    prints '"state":"DONE","outcome":"finished","exit":0,"error":null}' '{"interrupted":1,"finished":1,"to_finish":0,"failed":0}'
    bytes >"$T/first"
    for run in 2 3; do
        recover --burn
        succeeds
        [ "${lines[0]}" != "${lines[-1]}" ]
        prints '"outcome":"nothing to do"' '{"interrupted":0,"finished":0,"to_finish":0,"failed":0}'
        bytes | diff "$T/first" -
    done
    provision --burn
    verdict PASS already-done 0
    fl --json reconcile --slot a
    succeeds
}

@test "stm32f407: recover --slot NAME; a torn cell is quarantined, and stays so" {
    line stm32f407
    cut_board 3
    recover --burn --slot a
    succeeds
    prints '"outcome":"finished"'
    ctl new
    cut_board 5 partial
    recover --burn
    [ "$status" = 82 ] || [ "$status" = 0 ] || show
    bytes >"$T/first"
    recover --burn
    recover --burn
    bytes | diff "$T/first" -
}

@test "cut before the intent: the row stays as it is, and the same chip gets its serial" {
    line stm32l476
    full_disk $(($(stat -c %s "$T/registry.db") + 32768)) provision --burn # room for serial and key, none for the intent
    [ "$status" = 75 ] || show
    local serial
    serial=$(json serial)
    [[ $serial =~ ^[0-9a-f]{16}$ ]] || show
    recover --burn
    succeeds
    prints '"next":"nothing was burned; the same chip gets this serial' '"outcome":"stays as it is"' '"interrupted":1,"finished":0'
    burns_nothing
    burn_board
    [ "$(json serial)" = "$serial" ]
}

@test "a blank, unknown board is never begun, and empty slots are passed over unless they are named" {
    line stm32l476
    recover --burn
    succeeds
    prints '"serial":null,"state":null,"outcome":"unknown board: left alone"'
    burns_nothing
    fl recover --burn
    succeeds
    prints "slot a: -  -  unknown board: left alone"
    tells "0 interrupted, 0 finished"
    ctl remove
    recover
    succeeds
    prints '"outcome":"no board","exit":0'
    recover --slot a
    [ "$status" = 69 ] || show
    recover --slot a,b
    refuses 78 no-slot "b"
}

@test "half a record, left by a writer that was killed: readers say so, recover takes it back" {
    line
    fl --json product add p --chip stm32l476 --scheme sealed
    cp "$T/registry.db" "$T/before"
    perl -MPOSIX -we 'use strict; open(my $db, "|-", "sqlite3", $ARGV[0]) or die; $db->autoflush(1);
        print $db "PRAGMA journal_mode = PERSIST; PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN IMMEDIATE;\n";
        print $db "INSERT INTO event SELECT 1000 + value, hex(randomblob(500)), zeroblob(32) FROM generate_series(1, 2000);\n";
        print $db "SELECT writefile(\"$ARGV[1]\", \"x\");\n"; my $n = 0;
        select(undef, undef, undef, 0.1) until -e $ARGV[1] || $n++ > 200; kill "KILL", (split " ", `pgrep -P $$ sqlite3`)' \
        "$T/registry.db" "$T/there" || true
    [ -e "$T/there" ]
    ! cmp -s "$T/before" "$T/registry.db" || skip "nothing was spilled"
    fl --json device list
    refuses 75 registry-cut "recover"
    recover
    succeeds
    cmp "$T/before" "$T/registry.db"
    fl --json device list
    succeeds
}

@test "a registry that contradicts itself: 78, and no board is touched" {
    line stm32l476
    cut_board 5
    ctl stats clear
    sqlite3 "$T/registry.db" "UPDATE device SET state = 'PROVED'"
    recover --burn
    refuses 78 registry-differs "row-state: is PROVED, should be BURNING"
    burns_nothing
    head -c 100 /dev/zero | dd of="$T/registry.db" bs=1 seek=8200 conv=notrunc status=none
    recover --burn
    [ "$status" = 74 ] || [ "$status" = 78 ] || show
    burns_nothing
}

@test "an older copy of the registry: refused by all that record, before a pulse; the newest copy is taken" {
    line stm32l476
    cp "$T/registry.db" "$T/older"
    burn_board
    cp "$T/registry.db" "$T/newest"
    ctl new
    ctl stats clear
    cp "$T/older" "$T/registry.db"
    provision --burn
    verdict REFUSED registry-older 78
    recover --burn
    refuses 78 registry-older "events"
    fl --json product add q --chip stm32l476 --scheme sealed
    refuses 78 registry-older
    fl --json reconcile
    [ "$status" = 1 ] || show
    prints '{"serial":null,"kind":"registry-older","is":"' '"action":"restore the newest copy'
    cmp "$T/older" "$T/registry.db"
    burns_nothing
    cp "$T/newest" "$T/registry.db"
    burn_board
}

@test "an officer accepts it: on record, and no serial is given out twice" {
    line stm32l476
    cp "$T/registry.db" "$T/older"
    burn_board
    local first
    first=$(json serial)
    ctl new
    burn_board
    cp "$T/older" "$T/registry.db"
    recover --accept-registry ""
    [ "$status" = 64 ]
    recover --accept-registry $'two\nlines'
    refuses 64 bad-reason
    recover --accept-registry "the disk of the 21st is lost"
    succeeds
    fl audit list
    prints "registry.accepted" "reason=the disk of the 21st is lost" "events_known="
    recover --accept-registry "again"
    refuses 1 registry-not-older
    provision --burn # the second board: of this line, but this registry does not know it
    verdict REFUSED otp-foreign 80
    ctl new
    burn_board
    [ "$((16#$(json serial)))" = $((16#$first + 2)) ]
    fl --json reconcile
    succeeds
    cp "$T/older" "$T/registry.db" # and once more
    provision --burn
    verdict REFUSED registry-older 78
}

@test "a registry with another past, and one that is gone: refused" {
    line stm32l476
    burn_board
    mkdir "$T/other"
    "$BUILD/fuseline" init "$T/other" >/dev/null 2>&1
    local i
    for i in {1..12}; do "$BUILD/fuseline" -C "$T/other" product add "p$i" --chip stm32l476 --scheme sealed >/dev/null; done
    cp "$T/other/registry.db" "$T/registry.db"
    provision --burn
    verdict REFUSED registry-older 78
    tells "is another one"
    rm "$T"/registry.db*
    run --separate-stderr "$BUILD/fuseline" --json init "$T"
    refuses 78 registry-older "is gone"
    [ ! -e "$T/registry.db" ]
}

@test "no mark: made anew, with an event; a torn one too, and that is said" {
    line stm32l476
    burn_board
    cp "$T/registry.mark" "$T/mark"
    rm "$T/registry.mark"
    provision --burn
    verdict PASS already-done 0
    fl audit list
    prints "registry.marked" "found=none"
    local at
    for at in 0 20 60 110; do
        cp "$T/mark" "$T/registry.mark"
        printf 'x' | dd of="$T/registry.mark" bs=1 seek=$at conv=notrunc status=none
        fl --json recover
        succeeds
        tells "registry.mark was torn"
    done
    head -c 50 "$T/mark" >"$T/registry.mark"
    fl --json recover
    succeeds
    tells "registry.mark was torn"
    : >"$T/registry.mark"
    fl --json recover
    succeeds
    fl audit list
    prints "found=torn"
    cp "$T/mark" "$T/registry.mark" # behind is no fault
    fl --json recover
    succeeds
    [ "$(wc -l <<<"$stderr")" -le 1 ]
}

@test "the disk is full: recover changes nothing, 75; with room it ends" {
    line stm32l476
    cut_board 5
    ctl stats clear
    rm "$T/registry.mark"
    cp "$T/registry.db" "$T/before"
    full_disk "$(stat -c %s "$T/registry.db")" recover --burn
    [ "$status" = 75 ] || [ "$status" = 0 ] || show
    [ "$status" = 0 ] || { cmp "$T/before" "$T/registry.db" && burns_nothing; }
    recover --burn
    succeeds
    provision
    verdict PLAN already-done 0
}

@test "config changed between runs: another product's lock, another firmware, another token" {
    line stm32l476
    cut_board 5
    ctl stats clear
    # firmware that is none
    mkdir "$T/fw" && head -c 1000 "$FIRMWARE/sealed-stm32l476.elf" >"$T/fw/sealed-stm32l476.elf"
    cp "$T/fuseline.conf" "$T/conf"
    sed -i "s,^path = $FIRMWARE,path = fw," "$T/fuseline.conf"
    recover --burn
    [ "$status" = 65 ] || show
    prints '"outcome":"not finished"' '"name":"firmware-bad"'
    burns_nothing
    # the tokens of another line: their keys open nothing here
    cp "$T/conf" "$T/fuseline.conf"
    mkdir "$T/other" && "$BUILD/fuseline" init "$T/other" >/dev/null 2>&1
    mkdir "$T/kept" && mv "$T/tokens" "$T/pins" "$T/keep" "$T/kept" && cp -a "$T/other/tokens" "$T/other/pins" "$T/other/keep" "$T"
    fl --json reconcile
    [ "$status" = 1 ] || show
    prints '"kind":"key-kek"'
    rm -r "$T/tokens" "$T/pins" "$T/keep" && mv "$T/kept"/* "$T"
    recover --burn
    succeeds
    prints '"outcome":"finished"'
}

@test "the token file is empty, as a killed login leaves it: recover brings it back" {
    line stm32l476
    cut_board 5
    local f
    f=$(find "$T/tokens" -name token.object | head -n 1)
    sha256sum "$f" >"$T/sum"
    : >"$f"
    recover --burn
    succeeds
    prints '"outcome":"finished"'
    sha256sum -c "$T/sum"
}

@test "cut between the lock at level 2 and the record: the silent board is asked over its console" {
    line stm32l476 --lock 2
    cp "$T/fuseline.conf" "$T/conf"
    socat "pty,link=$T/quiet,raw,echo=0" "exec:sleep 60" >/dev/null 2>&1 3>&- & # a console that nobody answers
    local quiet=$! i
    for i in {1..1200}; do
        [ -e "$T/quiet" ] && break
        sleep 0.05
    done
    sed -i "s,^console = .*,console = $T/quiet\nconsole-seconds = 1," "$T/fuseline.conf"
    provision --burn
    kill $quiet
    [ "$status" = 81 ] || show
    cp "$T/conf" "$T/fuseline.conf"
    prints '"code":"console-timeout"' '"state":"LOCKED"'
    local serial
    serial=$(json serial)
    ctl power cycle
    recover --slot a
    [ "$status" = 69 ] || show # a plan asks nobody
    ctl power cycle
    recover --burn
    succeeds
    prints '"serial":"'"$serial"'","state":"DONE","outcome":"finished"' '"finished":1'
    fl status "$serial"
    prints DONE
}
