# Count one item's TAP output; print a line for it, and its failures in full; append the figures to its file for the sum.
/^1\.\.[0-9]+/ { planned += substr($1, 4) }
/^ok / && /# *[Ss][Kk][Ii][Pp]/ { skipped++; show = 1; bad = bad $0 "\n"; next }
/^ok / { passed++; show = 0; next }
/^not ok / { failed++; show = 1 }
{ tail = tail $0 "\n"; if (show) bad = bad $0 "\n" }
END {
    failed += skipped
    lost = planned - passed - failed
    if (lost > 0 || (rc != 0 && failed == 0) || planned == 0) {
        failed += lost > 0 ? lost : 1
        bad = bad "# planned " planned + 0 ", exit status " rc ": ended early\n" substr(tail, length(tail) > 3000 ? length(tail) - 3000 : 1)
    }
    printf "%-4s %3d ok %s %4ds  %s\n", failed ? "FAIL" : "ok", passed, failed ? failed " not ok" : "", seconds, item
    if (failed)
        printf "%s", bad
    printf "# tally %d %d\n", passed, failed >> FILENAME
}
