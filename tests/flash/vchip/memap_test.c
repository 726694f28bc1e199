/* The MEM-AP: what the bus sees of a transfer. */
#include "tests/flash/vchip/scan.h"

static void test_the_ap_names_itself_and_others_are_absent(void **state)
{
    (void)state;
    power();
    assert_int_equal(ap_read(IDR), 0x24770011);
    assert_int_equal(ap_read(BASE), 0xE00FF003);
    assert_int_equal(ap_read(CFG), 0);
    dp_write(SELECT, 0x010000F0);
    assert_int_equal(dap_scan(IR_APACC, IDR, true, 0, NULL), OK);
    assert_int_equal(read_buffer(), 0);
    assert_int_equal(dp_read(CTRL_STAT), POWERED); /* absent is no error */
}

static void test_csw_reads_back_packed_and_no_size_it_lacks(void **state)
{
    (void)state;
    power();
    ap_write(CSW, 0xA2000000 | BYTE | PACKED);
    assert_int_equal(ap_read(CSW), 0x23000060);
    ap_write(CSW, 3 | SINGLE); /* 64 bits */
    assert_int_equal(ap_read(CSW) & 0x37, WORD | SINGLE);
}

static void test_bytes_and_halfwords_use_the_lanes_of_their_address(void **state)
{
    (void)state;
    power();
    transfer(BYTE | SINGLE, RAM + 1);
    ap_write(DRW, 0x11AA2233);
    ap_write(DRW, 0x11BB2233);
    assert_int_equal(ram_word(0), 0x00BB2200);
    transfer(HALF | SINGLE, RAM + 2);
    ap_write(DRW, 0x55667788);
    assert_int_equal(ram_word(0), 0x55662200);
    ap_write(TAR, RAM + 2);
    assert_int_equal(ap_read(DRW), 0x55660000);
    transfer(BYTE | SINGLE, RAM + 3);
    assert_int_equal(ap_read(DRW), 0x55000000);
    assert_int_equal(ap_read(TAR), RAM + 4);
}

static void test_packed_transfers_move_four_bytes_in_units_of_their_size(void **state)
{
    static const struct {
        unsigned csw, unit;
    } row[] = { { BYTE | PACKED, 1 }, { HALF | PACKED, 2 }, { WORD | PACKED, 4 } };

    (void)state;
    power();
    for (uint32_t i = 0; i < 3; i++) {
        transfer(row[i].csw, RAM + 16 * i);
        scan_bus.units = scan_bus.accesses = 0;
        ap_write(DRW, 0x44332211 + i);
        assert_int_equal(scan_bus.units, row[i].unit);
        assert_int_equal(scan_bus.accesses, 4 / row[i].unit);
        ap_write(DRW, 0x88776655);
        assert_int_equal(ap_read(TAR), RAM + 16 * i + 8);
        ap_write(TAR, RAM + 16 * i);
        assert_int_equal(ap_read(DRW), 0x44332211 + i);
        assert_int_equal(ap_read(DRW), 0x88776655);
        assert_int_equal(ram_word(16 * i), 0x44332211 + i);
    }
}

static void test_an_unaligned_word_is_split_and_keeps_its_lanes(void **state)
{
    (void)state;
    power();
    transfer(WORD | SINGLE, RAM + 1);
    ap_write(DRW, 0x33221144); /* lanes: byte 0 belongs to address 4, bytes 1..3 to 1..3 */
    assert_int_equal(ram_word(0), 0x33221100);
    assert_int_equal(ram_word(4), 0x00000044);
    ap_write(TAR, RAM + 1);
    assert_int_equal(ap_read(DRW), 0x33221144);
}

static void test_tar_wraps_at_four_kilobytes(void **state)
{
    (void)state;
    power();
    transfer(WORD | SINGLE, RAM + 0x3FC);
    ap_write(DRW, 1);
    assert_int_equal(ap_read(TAR), RAM + 0x400); /* not at 1 KB */
    ap_write(TAR, RAM + 0x1FFC);
    ap_write(DRW, 2);
    assert_int_equal(ap_read(TAR), RAM + 0x1000);
    transfer(WORD, RAM + 0x10);
    ap_write(DRW, 3);
    assert_int_equal(ap_read(TAR), RAM + 0x10);
}

static void test_banked_data_registers_do_not_increment(void **state)
{
    (void)state;
    power();
    transfer(BYTE | PACKED, RAM + 0x104); /* size and packing don't apply to them either */
    for (uint32_t i = 0; i < 4; i++)
        ap_write(BD0 + 4 * i, 0xA0B0C000 + i);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(ram_word(0x100 + 4 * i), 0xA0B0C000 + i);
        assert_int_equal(ap_read(BD0 + 4 * i), 0xA0B0C000 + i);
    }
    assert_int_equal(ap_read(TAR), RAM + 0x104);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, scan_setup, scan_teardown)
    const struct CMUnitTest tests[] = {
        T(test_the_ap_names_itself_and_others_are_absent),
        T(test_csw_reads_back_packed_and_no_size_it_lacks),
        T(test_bytes_and_halfwords_use_the_lanes_of_their_address),
        T(test_packed_transfers_move_four_bytes_in_units_of_their_size),
        T(test_an_unaligned_word_is_split_and_keeps_its_lanes),
        T(test_tar_wraps_at_four_kilobytes),
        T(test_banked_data_registers_do_not_increment),
    };
#undef T
    return cmocka_run_group_tests_name("memap", tests, NULL, NULL);
}
