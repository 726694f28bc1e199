# flash/openocd/stm32f4.tcl - the FLASH controller of STM32F4 parts: RM0090 ch. 3.
# KEYR 04, OPTKEYR 08, SR 0C, CR 10, OPTCR 14.  Bits only go from 1 to 0; a second write is taken in silence.

proc ctl_open {width} {
    lassign [read_memory [expr {$::fl_regs + 0x0C}] 32 2] sr cr
    if {$sr & 0x100F3} {
        fl_poll 0x0C 0x10000 5000
        fl_write 0x0C 0xF3 ;# error flags and EOP
    }
    if {$cr & 0x80000000} { ;# LOCK; a key written without need locks the register until reset
        fl_write 0x04 0x45670123
        fl_write 0x04 0xCDEF89AB
    }
    if {$width} {
        fl_write 0x10 [expr {($width / 16) << 8 | 1}] ;# PSIZE, PG
    }
}

proc ctl_wait {} {
    set sr [expr {[fl_poll 0x0C 0x10000 5000] & 0xF2}] ;# BSY
    if {$sr} {
        fl_write 0x0C $sr
    }
    return $sr
}

proc ctl_close {} {
    fl_write 0x10 0x80000000
}

proc ctl_ecc_clear {} {
}

proc ctl_ecc_failed {} {
    return 0
}

proc ctl_rdp {} {
    return [expr {([fl_read 0x14] >> 8) & 0xFF}]
}

proc ctl_rdp_arm {byte} {
    ctl_open 0
    fl_write 0x08 0x08192A3B
    fl_write 0x08 0x4C5D6E7F
    set ::fl_optcr [expr {([fl_read 0x14] & 0x0FFF00EC) | ($byte << 8)}]
    fl_write 0x14 $::fl_optcr
    if {([fl_read 0x14] & 0xFF00) != ($byte << 8)} {
        error "FLASH_OPTCR does not take the level"
    }
}

proc ctl_rdp_start {} {
    fl_write 0x14 [expr {$::fl_optcr | 2}] ;# OPTSTRT; from level 1 to 0 this erases the flash
    fl_poll 0x0C 0x10000 60000
    fl_write 0x14 [expr {$::fl_optcr | 1}] ;# OPTLOCK
    ctl_close
}

proc ctl_rdp_load {} {
}
