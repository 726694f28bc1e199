# tests/cli/line.bash - what the bats files of a whole line share: a folder made by `init`, a board in slot `a`, product `p`,
# and what the device sends.  See tests/cli/board.bash for the rest.

source "$BATS_TEST_DIRNAME/board.bash"

FIRMWARE=$BUILD/firmware
[ -d "$FIRMWARE" ] || FIRMWARE=$BUILD/../firmware # of the sanitized programs

line() { # line [CHIP [PRODUCT OPTION...]]: $T provisions; with a chip: board in slot a, with a console, and product p
    local chip=${1:-}
    "$BUILD/fuseline" init "$T" >"$T/init" 2>&1 || { cat "$T/init" && return 1; }
    patient
    printf '[firmware]\npath = %s\n' "$FIRMWARE" >>"$T/fuseline.conf"
    [ -n "$chip" ] || return 0
    insert_board "$chip"
    quick
    sed -i "/^\[slot a\]/a console = $board/usart" "$T/fuseline.conf"
    "$BUILD/fuseline" -C "$T" --json product add p --chip "$chip" --scheme sealed "${@:2}" >"$T/product"
}

provision() { # provision [OPTION...]: the board in slot a becomes a p
    fl --json provision --product p --slot a "$@"
}

burn_board() {
    provision --burn
    succeeds
}

json() { # json KEY [TEXT]: the value of that key in the first object of $output (or TEXT) that has it
    sed -n "s/.*\"$1\":\"\{0,1\}\([^,\"}]*\).*/\1/p" <<<"${2:-$output}" | head -n 1
}

verdict() { # verdict VERDICT CODE EXIT: stdout is exactly one object that says so, and the exit status is that
    [ "${#lines[@]}" = 1 ] || { echo "not one object" && show; } || return 1
    [ "$status" = "$3" ] && [[ $output == '{"verdict":"'"$1"'","code":"'"$2"'","exit":'"$3"',"serial":'*'}' ]] ||
        { echo "not $1 $2 $3" && show; } || return 1
    [ "$1" = PASS ] || [ "$1" = PLAN ] || { [[ $stderr == "fuseline: "*"hint: "* ]] || show; }
}

untouched() { # the present board: no pulse of any kind, in OTP or flash
    burns_nothing
}

capture() { # capture N: restarts the present board; the bytes of its first N frames, as sent, into $T/raw
    restart
    timeout -s KILL 30 perl -we '
        my ($path, $wanted, $seen, $within) = (@ARGV, 0, 0);
        open(my $in, "+<:raw", $path) or die "$path: $!";
        while ($seen < $wanted && sysread($in, my $byte, 1)) {
            $seen++ if $within && $byte eq "\0"; # a delimiter before each frame, and one behind it
            $within = $byte ne "\0";
            print $byte;
        }
    ' "$board/usart" "$1" >"$T/raw"
}

hexes() { # hexes FILE: the frames of a COBS stream, one in hex a line
    perl -we '
        local ($/, *IN); open(IN, "<:raw", $ARGV[0]) or die; my $all = <IN>;
        for my $block (split /\0/, $all) {
            my $out = "";
            while (length $block) {
                my $n = ord $block;
                $out .= substr($block, 1, $n - 1);
                $block = length $block > $n ? substr($block, $n) : "";
                $out .= "\0" if $n < 255 && length $block;
            }
            print unpack("H*", $out), "\n" if length $out;
        }
    ' "$1"
}

fl_in() { # fl_in INPUT ARGUMENT...: fl with that file as stdin
    run --separate-stderr timeout -s KILL 300 "$BUILD/fuseline" -C "$T" "${@:2}" <"$1"
}

full_disk() { # full_disk BYTES COMMAND...: the disk has room for so many bytes in the registry and its journal
    gcc -shared -fPIC -o "$T/full.so" "$FAKES/full_disk.c"
    FULL_DISK_BYTES=$1 LD_PRELOAD=$T/full.so ASAN_OPTIONS=verify_asan_link_order=0 "${@:2}"
}
