#!/usr/bin/env bats
# Other schemes than sealed, whole: product, board, real firmware through OpenOCD, and what it sends opened.

setup() {
    source "$BATS_TEST_DIRNAME/line.bash"
    begin
    line
}

teardown() {
    end
}

whole() { # whole SCHEME CHIP [OPTION...]: product with these options, a plan, a device, again, its messages; the registry is sound
    insert_board "$2"
    quick
    sed -i "/^\[slot a\]/a console = $board/usart" "$T/fuseline.conf"
    fl --json product add p --chip "$2" --scheme "$1" "${@:3}"
    succeeds
    provision
    verdict PLAN plan 0
    untouched
    burn_board
    verdict PASS done 0
    burn_board
    verdict PASS already-done 0
    capture 2
    fl --json open "$T/raw" --format cobs
    succeeds
    [ "$(grep -c '"status":"opened","serial":"0001000000000001","scheme":"'"$1"'"' <<<"$output")" = 2 ] || show
    fl --json open "$T/raw" --format cobs
    [ "$(grep -c '"status":"duplicate"' <<<"$output")" = 2 ] || show
    fl reconcile --keys 9
    succeeds
}

@test "secret: its key is drawn, burned and kept wrapped" {
    whole secret stm32l476
    fl --json open "$T/raw" --format cobs
    [ "$(grep -c '"signed":false}$' <<<"$output")" = 2 ] || show
}

@test "identity: the chip makes its key, and DONE pins it" {
    fl key new --ra
    whole identity stm32f407
    fl audit list
    [ "$(sed -n 's/.*device.chip-made .* x=//p' <<<"$output")" = "$(sed -n 's/.*device.pinned .* x=//p' <<<"$output")" ] || show
    prints "device.chip-made"
    fl --json open "$T/raw" --format cobs
    [ "$(grep -c '"signed":true}$' <<<"$output")" = 2 ] || show
}

@test "identity without sign-all: each frame says whether it is signed" {
    fl key new --ra
    whole identity stm32l476 --sign-all no
    fl --json open "$T/raw" --format cobs
    [[ ${lines[0]} == *'"counter":0,'*'"signed":true}' ]] || show
    [[ ${lines[1]} == *'"counter":1,'*'"signed":false}' ]] || show
    fl open "$T/raw" --format cobs
    [[ ${lines[0]} != *unsigned* ]] || show
    [[ ${lines[1]} == *"  unsigned" ]] || show
}
