# flash/openocd/stm32l4.tcl - the FLASH controller of STM32L4 parts: RM0351 ch. 3.
# KEYR 08, OPTKEYR 0C, SR 10, CR 14, ECCR 18, OPTR 20.  One unit of programming is 64 bits: two words, even one first.

proc ctl_open {width} {
    lassign [read_memory [expr {$::fl_regs + 0x10}] 32 2] sr cr
    if {$sr & 0x1C3FA} {
        fl_poll 0x10 0x10000 1000
        fl_write 0x10 0xC3FA ;# any old error flag would fail the next operation
    }
    if {$cr & 0x80000000} { ;# LOCK; a key written without need is a bus error
        fl_write 0x08 0x45670123
        fl_write 0x08 0xCDEF89AB
    }
    if {$width} {
        fl_write 0x14 0x1 ;# PG
    }
}

proc ctl_wait {} {
    set sr [expr {[fl_poll 0x10 0x10000 1000] & 0xC3FA}] ;# BSY
    if {$sr} {
        fl_write 0x10 $sr
    }
    return $sr
}

proc ctl_close {} {
    fl_write 0x14 0x80000000
}

proc ctl_ecc_clear {} {
    if {[fl_read 0x18] & 0xC0000000} {
        fl_write 0x18 0xC0000000 ;# ECCD, ECCC
    }
}

proc ctl_ecc_failed {} {
    return [expr {([fl_read 0x18] & 0x80000000) != 0}] ;# ECCD
}

proc ctl_rdp {} {
    return [expr {[fl_read 0x20] & 0xFF}]
}

proc ctl_rdp_arm {byte} {
    ctl_open 0
    fl_write 0x0C 0x08192A3B
    fl_write 0x0C 0x4C5D6E7F
    set optr [expr {([fl_read 0x20] & 0xFFFFFF00) | $byte}]
    fl_write 0x20 $optr
    if {[fl_read 0x20] != $optr} {
        catch {ctl_close}
        error "FLASH_OPTR does not take the level"
    }
}

proc ctl_rdp_start {} {
    fl_write 0x14 0x20000          ;# OPTSTRT; from level 1 to 0 this erases the flash
    fl_poll 0x10 0x10000 60000
}

proc ctl_rdp_load {} {
    fl_write 0x14 0x08000000 ;# OBL_LAUNCH resets the part and takes the debug port along: an error here means nothing
}
