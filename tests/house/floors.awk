# Who may include whom: docs/architecture.md, "Floors".  Reads C sources, prints each arrow that goes up or sideways; exit 1 if any.
# A room's row lists the rooms it may look into; a room without a row is unknown and refused.
BEGIN {
    may["base"] = "base"
    may["protocol"] = "protocol"
    may["flash/chips"] = "flash/chips"
    may["flash/vchip"] = "flash/vchip flash/chips base"
    may["flash"] = "flash flash/chips flash/openocd flash/vchip protocol base"
    may["flash/openocd"] = may["flash"]
    may["hsm"] = "hsm protocol base"
    may["db"] = "db db/schema protocol base"
    may["station"] = "station hsm flash flash/chips db protocol base"
    may["verifier"] = "verifier hsm flash flash/chips db protocol base"
    may["relay"] = "relay protocol base"
    may["officer"] = "officer hsm flash flash/chips db protocol base"
    may["server"] = "server verifier hsm db protocol base"
    may["cli"] = "cli cli/ui server station verifier relay officer hsm flash flash/chips flash/openocd db protocol base"
    may["cli/ui"] = may["cli"]
    may["firmware-stub"] = "firmware-stub protocol"
}
function room(path, n, part) {
    n = split(path, part, "/")
    return n > 2 ? part[1] "/" part[2] : part[1]
}
/^[ \t]*#[ \t]*include[ \t]+"/ {
    split($0, q, "\"")
    from = room(FILENAME)
    to = room(q[2])
    if (!(from in may))
        why = "unknown room " from
    else if (index(q[2], "/") == 0)
        why = "include paths start at the root"
    else if (index(" " may[from] " ", " " to " ") == 0)
        why = from " may not look into " to
    else if (to == "flash/vchip" && from == "flash" && FILENAME !~ /^flash\/inproc[a-z_]*\.[ch]$/)
        why = "only the in-process chip may use the simulated silicon"
    else
        next
    printf "%s:%d: %s: %s\n", FILENAME, FNR, q[2], why
    bad = 1
}
END { exit bad }
