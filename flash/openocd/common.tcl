# flash/openocd/common.tcl - what we have OpenOCD do, sent to it over its Tcl pipe right after start.
# Arguments and results are numbers only.  What a controller does its own way is in stm32l4.tcl or stm32f4.tcl:
#   ctl_open WIDTH   clear old errors, unlock, enable programming of WIDTH bits (0: unlock only)
#   ctl_wait         wait for the end of the operation, return the error bits
#   ctl_close        programming off, lock
#   ctl_ecc_clear, ctl_ecc_failed    forget, and ask for, an uncorrectable ECC error of a read
#   ctl_rdp          the RDP byte in force;  ctl_rdp_arm BYTE, ctl_rdp_start, ctl_rdp_load: put another one there

# Every call goes through here.  The answer is written to stdout by ourselves: OpenOCD prints the result of a command line to
# its log as well, and what we read must not be there.  A failing command answers with its code; US separates the fields.
proc fl_call {seq script} {
    set log [capture {
        if {$::fl_opened && ![string match "fl_otp_program *" $script]} {
            fl_close
        }
        set code [catch $script result]
    }]
    stdout puts -nonewline "$seq\x1f$code\x1f$result\x1f$log"
    stdout flush
    return ""
}

# The width that the controller is open for, 0: locked.  It stays open from one OTP cell to the next, which halves the time
# of a burn in small cells; whatever else is asked for locks it first, and so does every failure.
# fl_ahead: address of the one cell that the last read-back has found blank as well, 0: none; forgotten likewise.
set fl_opened 0
set fl_ahead 0

proc fl_open {width} {
    if {$::fl_opened != $width} {
        set ::fl_opened $width
        ctl_open $width
    }
}

proc fl_close {} {
    set ::fl_opened 0
    set ::fl_ahead 0
    catch {ctl_close}
    return 0
}

proc fl_read {offset} {
    return [read_memory [expr {$::fl_regs + $offset}] 32 1]
}

# Power that bounces in the middle of a read resets the debug port with the answer in it: OpenOCD hands out what is left there,
# and only the next access fails.  So nothing is said of a part before an access behind the read (CPUID) has come through.
proc fl_see {addr width n} {
    set values [read_memory $addr $width $n]
    fl_still_there
    return $values
}

proc fl_still_there {} {
    read_memory 0xE000ED00 32 1
}

proc fl_write {offset value} {
    write_memory [expr {$::fl_regs + $offset}] 32 $value
}

# Poll the register at offset until no bit of mask is set; return its value.
proc fl_poll {offset mask limit_ms} {
    set start [ms]
    while {[set value [fl_read $offset]] & $mask} {
        if {(([ms] - $start) & 0x7fffffff) > $limit_ms} {
            error "the flash controller stays busy: $value"
        }
    }
    return $value
}

# ---- session ----

# -> transport: 0 JTAG, 1 SWD, 2 one that hides the debug port
proc fl_setup {cpu regs} {
    set ::fl_cpu $cpu
    set ::fl_regs $regs
    # The stock scripts wait 0.2 s for reset lines that a board without a cable to them does not have, and change the
    # adapter's speed at each reset, which not every adapter can.
    adapter srst delay 0
    if {[using_jtag]} {
        jtag_ntrst_delay 0
        rename jtag_init fl_jtag_init
        proc jtag_init {} {
            fl_forget_scan
            fl_jtag_init
        }
    }
    # Level 3 logs each command with its arguments, level 4 each word that passes: also those that are to be burned.
    if {[regexp {[3-9]} [debug_level]]} {
        debug_level 2
    }
    $cpu configure -event reset-start {}
    $cpu configure -event reset-init {}
    set transport [transport select]
    if {[string match hla* $transport]} {
        return 2
    }
    return [expr {![using_jtag]}]
}

# A link that broke in the middle of a scan has left the TAPs in Shift-DR, with a piece of what may be a write to the OTP in
# them and the controller open.  OpenOCD begins with five clocks of TMS = 1, whose way from there is Update-DR (IEEE 1149.1,
# state diagram): the piece would be executed.  Clocks of TMS = 0 fill it with zeros first, which write no memory: a write of
# 0 to DP or AP register 0.  In any other state they do nothing.  (A cut instruction becomes EXTEST for four clocks; left as
# it is it may be any.)  SWD has no such way out: there a slot that wires nRST connects under reset, docs/probes.md.
proc fl_forget_scan {} {
    catch {runtest 128}
}

proc fl_attach {} {
    init
    poll off
    return 0
}

# OpenOCD's own software reset sleeps 50 ms after the request; ours is the same two writes (ARMv7-M ARM B3.2.6, C1.6.5), and
# `reset` then waits for the halt itself.  A slot that wires nRST keeps OpenOCD's way.
# To run, too, the core is halted first: a reset lets go of it for a moment, and what it stood in may be a loader's remains, or
# RAM that was wiped; the firmware would then find a fault of ours.
proc fl_reset {halt} {
    if {![regexp {srst_only|trst_and_srst} [reset_config]]} {
        $::fl_cpu configure -event reset-assert fl_sysresetreq
    }
    reset halt
    if {!$halt} {
        write_memory 0xE000EDFC 32 0x01000000 ;# DEMCR: TRCENA alone; the firmware's own resets must not halt it
        resume
    }
    return 0
}

proc fl_sysresetreq {} {
    write_memory 0xE000EDF0 32 0xA05F0003 ;# DHCSR: C_DEBUGEN and C_HALT: no more old code
    write_memory 0xE000EDFC 32 0x01000501 ;# DEMCR: TRCENA; VC_HARDERR, VC_BUSERR, VC_CORERESET
    catch {write_memory 0xE000ED0C 32 0x05FA0004} ;# AIRCR: SYSRESETREQ, may take the answer with it
}

# -> JTAG IDCODE or SWD DPIDR
proc fl_idcode {swd} {
    if {$swd} {
        return [[$::fl_cpu cget -dap] dpreg 0]
    }
    return [jtag cget $::fl_cpu -idcode]
}

# -> DBGMCU_IDCODE, at an address that all parts of the line share, after a reset that has halted the core
proc fl_halt {dbgmcu} {
    fl_reset 1
    if {[$::fl_cpu curstate] ne "halted"} {
        error "the core did not halt"
    }
    return [fl_see $dbgmcu 32 1]
}

# -> uid uid uid flash_kib rdp_byte
proc fl_identify {uid size} {
    set rdp [ctl_rdp]
    return "[read_memory $uid 32 3] [fl_see $size 16 1] $rdp"
}

# ---- memory ----

proc fl_mem_read {addr words} {
    return [fl_see $addr 32 $words]
}

proc fl_mem_write {addr args} {
    write_memory $addr 32 $args
    return [llength $args]
}

# Zero ram from base to end: a loop of 16 bytes at `code` runs on the part.  -> pc r0, to be compared by the caller
#   movs r2..r5, #0;  1: stmia r0!, {r2-r5}; cmp r0, r1; blo 1b;  bkpt 0
proc fl_wipe {base end code limit_ms} {
    write_memory $code 32 {0x23002200 0x25002400 0x4288C03C 0xBE00D3FC}
    reg r0 $base
    reg r1 $end
    reg primask 1
    reg xpsr 0x01000000
    resume $code
    wait_halt $limit_ms
    set pc [dict get [get_reg -force pc] pc]
    set r0 [dict get [get_reg -force r0] r0]
    write_memory $code 32 {0 0 0 0}
    return "$pc $r0"
}

# ---- OTP ----

# -> failed word...: failed = 1 when the part met an uncorrectable ECC error on the way, then the words mean nothing
proc fl_otp_read {addr words} {
    ctl_ecc_clear
    set values [lrepeat $words 0]
    set lost [catch {set values [read_memory $addr 32 $words]} why]
    set failed [ctl_ecc_failed]
    if {$failed} {
        ctl_ecc_clear
    } elseif {$lost} {
        error $why
    }
    fl_still_there
    return "$failed $values"
}

# Program one cell of values, each of width bits.  -> stage sr value...
# stage 0: not blank, untouched; 1: no pulse came of it; 2: lost after the pulse was ordered; 3: done, value... read back
proc fl_otp_program {addr width args} {
    set stage 1
    set sr 0
    set after $args
    set lost [catch {
        if {$::fl_ahead == $addr || [fl_blank [read_memory $addr $width [llength $args]] $width]} {
            fl_open $width
            set stage 2
            write_memory $addr $width $args
            set sr [ctl_wait]
            set after [fl_read_back $addr $width [llength $args]]
            # PGSERR alone and the cell still blank: a reset has locked the controller behind us, and no pulse came of it.
            if {$sr || ![fl_same $after $args]} {
                fl_still_there
            }
            set stage [expr {$sr == 0x80 && [fl_blank $after $width] ? 1 : 3}]
        } else {
            fl_still_there
            set stage 0
        }
    }]
    if {$lost || $sr || $stage == 0} {
        fl_close
    }
    return "$stage $sr $after"
}

proc fl_blank {values width} {
    set blank [expr {(1 << $width) - 1}]
    foreach value $values {
        if {$value != $blank} {
            return 0
        }
    }
    return 1
}

proc fl_same {values others} {
    foreach value $values other $others {
        if {$value != $other} {
            return 0
        }
    }
    return 1
}

# The n values of the cell at addr.  Half-word cells: the next one of the block comes along at no cost.
proc fl_read_back {addr width n} {
    set next [expr {$addr + 2}]
    if {$width != 16 || $next % 32 == 0} {
        set ::fl_ahead 0
        return [read_memory $addr $width $n]
    }
    lassign [read_memory $addr 16 2] value after
    set ::fl_ahead [expr {[fl_blank [list $after] 16] ? $next : 0}]
    return $value
}

# Put 0 into the lock byte at addr.  -> sr byte
proc fl_otp_lock {addr} {
    set sr 0
    if {[read_memory $addr 8 1] != 0} {
        set lost [catch {
            fl_open 8
            write_memory $addr 8 0
            set sr [ctl_wait]
        } why]
        fl_close
        if {$lost} {
            error $why
        }
    }
    return "$sr [fl_see $addr 8 1]"
}

# ---- firmware: file is the number of a descriptor that OpenOCD was born with ----

proc fl_flash_erase {first last} {
    flash erase_sector 0 $first $last
    return 0
}

proc fl_flash_write {fd addr} {
    flash write_image /proc/self/fd/$fd $addr bin
    return 0
}

# -> 1 if the part's own CRC is that of the file, 0 if it is not, an error when the part does not answer
proc fl_flash_crc {fd addr} {
    if {[catch {verify_image_checksum /proc/self/fd/$fd $addr bin}]} {
        read_memory $addr 32 1
        return 0
    }
    return 1
}

# ---- readout protection ----

# -> 1 once the order is given.  At RDP level 2 on an F4 the debug port is dead from here on.
proc fl_rdp_set {byte} {
    ctl_rdp_arm $byte
    catch {ctl_rdp_start}
    return 1
}

proc fl_rdp_load {} {
    ctl_rdp_load
    return 0
}
