# docs/vectors/*.json -> one line for each frame: product, its place in the product, header byte, bytes of data, bytes of frame.
# The files have one field a line (JSON_INDENT); rejects come after the frames.
function value(line) { sub(/^[^:]*: /, "", line); gsub(/[",]/, "", line); return line }
FNR == 1             { product = FILENAME; n = on = 0 }
/^   "name": /       { product = value($0); n = 0 }
/^   "frames": \[/   { on = 1 }
/^   "(rejects|accepts)": \[/ { on = 0 }
/^  "frames": \[/    { on = 1 }
/^  "rejects": \[/   { on = 0 }
/^ "frames": \[/     { on = 1 }
/^ "rejects": \[/    { on = 0 }
on && /^ *"data": /  { data = length(value($0)) / 2 }
on && /^ *"frame": / { hdr = toupper(substr(value($0), 1, 2)) }
on && /^ *"bytes": / { print product, n++, hdr, data + 0, value($0); data = 0 }
