/* The models: what each has, and its values under load. README.md says where the numbers come from. */
#include <string.h>
#include "fake.h"

#define MIB 1048576LL
#define COMMON \
    [V_persistence] = 1, [V_gsp_mode] = 1, [V_module_id] = DERIVED, [V_power_requested_mw] = DERIVED, \
    [V_energy_mj] = 123456789012, [V_power_cap_ns] = 21000000000, [V_thermal_ns] = 22000000000, \
    [V_sw_thermal_ns] = 11000000000, [V_hw_thermal_ns] = 12000000000, [V_power_brake_ns] = 13000000000, \
    [V_util_pct] = 97, [V_memory_util_pct] = 41, [V_throttle_mask] = 4, [V_pcie_replays] = 7, [V_pcie_mb_s] = 800, \
    [V_nvlink_state] = 1
#define POWER(now, min, usual, max) \
    [V_power_mw] = (now), [V_power_min_mw] = (min), [V_power_default_mw] = (usual), [V_power_limit_mw] = (usual), \
    [V_power_max_mw] = (max)
#define CLOCKS(sm, memory, video) \
    [V_sm_clock_mhz] = (sm), [V_memory_clock_mhz] = (memory), [V_video_clock_mhz] = (video), \
    [V_max_sm_clock_mhz] = (sm), [V_max_memory_clock_mhz] = (memory), [V_max_video_clock_mhz] = (video)
#define MEMORY(total, reserved, used) \
    [V_memory_total] = (total) * MIB, [V_memory_reserved] = (reserved) * MIB, [V_memory_used] = (used)
#define PCIE(gen, max) [V_pcie_gen] = (gen), [V_pcie_max_gen] = (max), [V_pcie_width] = 16, [V_pcie_max_width] = 16
#define NO_ABSOLUTE [V_shutdown_c] = ABSENT, [V_slowdown_c] = ABSENT, [V_gpu_max_c] = ABSENT
#define TLIMIT(sum, slowdown, shutdown) \
    NO_ABSOLUTE, [V_margin_c] = DERIVED, [V_tlimit_sum_c] = (sum), [V_slowdown_tlimit_c] = (slowdown), \
    [V_shutdown_tlimit_c] = (shutdown), [V_gpu_max_tlimit_c] = 0
#define ABSOLUTE(gpu_max, slowdown, shutdown) \
    [V_gpu_max_c] = (gpu_max), [V_slowdown_c] = (slowdown), [V_shutdown_c] = (shutdown), [V_margin_c] = ABSENT, \
    [V_slowdown_tlimit_c] = ABSENT, [V_shutdown_tlimit_c] = ABSENT, [V_gpu_max_tlimit_c] = ABSENT, \
    [V_memory_max_tlimit_c] = ABSENT
#define ECC_TOTALS \
    [V_ecc_mode] = 1, [V_ecc_pending] = 1, [V_ecc_corrected] = DERIVED, [V_ecc_uncorrected] = DERIVED, \
    [V_ecc_corrected_aggregate] = DERIVED, [V_ecc_uncorrected_aggregate] = DERIVED
#define NO_SRAM_DETAIL \
    [V_sram_secded] = ABSENT, [V_sram_secded_aggregate] = ABSENT, [V_sram_l2] = ABSENT, [V_sram_sm] = ABSENT, \
    [V_sram_pcie] = ABSENT, [V_sram_mcu] = ABSENT, [V_sram_other] = ABSENT, [V_sram_threshold_exceeded] = ABSENT
#define NO_ECC \
    [V_ecc_mode] = ABSENT, [V_ecc_pending] = ABSENT, [V_ecc_corrected] = ABSENT, [V_ecc_uncorrected] = ABSENT, \
    [V_ecc_corrected_aggregate] = ABSENT, [V_ecc_uncorrected_aggregate] = ABSENT, [V_dram_corrected] = ABSENT, \
    [V_dram_uncorrected] = ABSENT, [V_dram_corrected_aggregate] = ABSENT, [V_dram_uncorrected_aggregate] = ABSENT, \
    [V_sram_corrected] = ABSENT, [V_sram_parity] = ABSENT, [V_sram_corrected_aggregate] = ABSENT, \
    [V_sram_parity_aggregate] = ABSENT, NO_SRAM_DETAIL
#define NO_RETIRED [V_retired_sbe] = ABSENT, [V_retired_dbe] = ABSENT, [V_retired_pending] = ABSENT
#define REMAP(banks) [V_remap_banks] = (banks), NO_RETIRED
#define NO_REMAP \
    [V_remap_corrected] = ABSENT, [V_remap_uncorrected] = ABSENT, [V_remap_pending] = ABSENT, [V_remap_failed] = ABSENT, \
    [V_remap_corrected_inactive] = ABSENT, [V_remap_uncorrected_inactive] = ABSENT, [V_remap_banks] = ABSENT
#define NO_FABRIC [V_fabric_state] = ABSENT
#define FABRIC(clique, mask, summary) \
    [V_fabric_state] = 3, [V_fabric_clique] = (clique), [V_fabric_health_mask] = (mask), \
    [V_fabric_health_summary] = (summary)
#define NVLINK(generation, links, mbps) \
    [V_nvlink_generation] = (generation), [V_nvlinks] = (links), [V_nvlink_mbps] = (mbps), [V_nvlink_gb_s] = 100
#define NO_PLATFORM [V_slot] = ABSENT, [V_tray] = ABSENT, [V_host] = ABSENT
#define NO_MODULE [V_module_power_mw] = ABSENT
#define NO_EDPP [V_edpp_pct] = ABSENT

static const profile models[] = {
    {"a100", "NVIDIA A100-SXM4-40GB", "92.00.45.00.03", "692-2G506-0200-003", "G506.0200.00.04", "2.0", "6.16", 8, 0,
     0x20B010DE, 0x134F10DE, 108,
     {COMMON, POWER(382000, 100000, 400000, 400000), CLOCKS(1410, 1215, 1290), MEMORY(40960, 518, 35000000000),
      PCIE(4, 4), ABSOLUTE(85, 89, 92), ECC_TOTALS, REMAP(640), NO_FABRIC, NVLINK(3, 12, 25000), NO_PLATFORM, NO_MODULE,
      NO_EDPP, [V_power_average_mw] = ABSENT, [V_temp_c] = 61, [V_memory_temp_c] = 66, [V_memory_max_c] = 95,
      [V_mig_capable] = 1}},
    {"h100", "NVIDIA H100 80GB HBM3", "96.00.99.00.01", "692-2G520-0200-000", "G520.0200.00.05", "2.1", "7.16", 9, 0,
     0x233010DE, 0x16C110DE, 132,
     {COMMON, POWER(632000, 200000, 700000, 700000), CLOCKS(1980, 2619, 1545), MEMORY(81559, 480, 71000000000),
      PCIE(5, 5), TLIMIT(85, -2, -8), ECC_TOTALS, REMAP(2560), FABRIC(0, 0, 0), NVLINK(4, 18, 26562), NO_PLATFORM,
      NO_MODULE, [V_edpp_pct] = 100, [V_power_average_mw] = DERIVED, [V_temp_c] = 59, [V_memory_temp_c] = 54,
      [V_mig_capable] = 1, [V_gpm] = 1}},
    {"h200", "NVIDIA H200", "96.00.A5.00.03", "692-2G520-0280-000", "G520.0280.00.05", "2.1", "7.16", 9, 0,
     0x233510DE, 0x18BE10DE, 132,
     {COMMON, POWER(627000, 200000, 700000, 700000), CLOCKS(1980, 3201, 1545), MEMORY(143771, 614, 130000000000),
      PCIE(5, 5), TLIMIT(87, -2, -8), ECC_TOTALS, REMAP(3072), FABRIC(0, 0, 0), NVLINK(4, 18, 26562),
      [V_host] = 1, NO_MODULE, [V_edpp_pct] = 100, [V_power_average_mw] = DERIVED, [V_temp_c] = 52, [V_memory_temp_c] = 40,
      [V_mig_capable] = 1, [V_gpm] = 1}},
    {"b200", "NVIDIA B200", "97.00.FA.00.09", "692-2G525-0220-500", "G525.0220.00.03", "2.1", "7.16", 10, 0,
     0x290110DE, 0x199910DE, 148,
     {COMMON, POWER(912000, 200000, 1000000, 1000000), CLOCKS(1965, 3996, 1965), MEMORY(183359, 728, 160000000000),
      PCIE(5, 5), TLIMIT(88, -3, -5), ECC_TOTALS, REMAP(3840), FABRIC(0, 0x80, 1), NVLINK(5, 18, 53125),
      [V_slot] = ABSENT, [V_tray] = ABSENT, [V_host] = 1, NO_MODULE, [V_edpp_pct] = 100, [V_power_average_mw] = DERIVED,
      [V_temp_c] = 63, [V_memory_temp_c] = 66, [V_mig_capable] = 1, [V_gpm] = 1, [V_power_smoothing] = 1}},
    {"gb200", "NVIDIA GB200", "97.00.B9.00.69", "900-2G548-A801-000", "G548.0201.00.06", "2.1", "7.16", 10, 0,
     0x294110DE, 0x204610DE, 152,
     {COMMON, POWER(1080000, 200000, 1200000, 1200000), CLOCKS(2062, 3996, 1890), MEMORY(189471, 742, 165000000000),
      PCIE(5, 6), TLIMIT(87, -2, -5), ECC_TOTALS, REMAP(3968), FABRIC(2, 0xAA, 1), NVLINK(5, 18, 53125),
      [V_slot] = 14, [V_tray] = 4, [V_host] = 1, [V_module_power_mw] = 2210000, [V_edpp_pct] = 100,
      [V_power_average_mw] = DERIVED, [V_temp_c] = 58, [V_memory_temp_c] = 60, [V_mig_capable] = 1, [V_gpm] = 1,
      [V_power_smoothing] = 1, [V_c2c_links] = 10}},
    {"l40s", "NVIDIA L40S", "95.02.66.00.15", "900-2G133-A880-000", "G133.0242.00.03", "2.1", "6.16", 8, 9,
     0x26B910DE, 0x185110DE, 142,
     {COMMON, POWER(318000, 100000, 350000, 350000), CLOCKS(2520, 9001, 1965), MEMORY(46068, 609, 40000000000),
      PCIE(4, 4), TLIMIT(88, -2, -5), ECC_TOTALS, REMAP(192), NO_FABRIC, NO_PLATFORM, NO_MODULE, NO_EDPP,
      [V_power_average_mw] = DERIVED, [V_temp_c] = 66, [V_memory_temp_c] = ABSENT, [V_memory_max_tlimit_c] = ABSENT}},
    {"t4", "Tesla T4", "90.04.96.00.02", "900-2G183-A800-001", "G183.0200.00.02", "1.1", "5.0", 7, 5,
     0x1EB810DE, 0x12A210DE, 40,
     {COMMON, POWER(68000, 60000, 70000, 70000), CLOCKS(1590, 5001, 1470), MEMORY(15360, 448, 13000000000), PCIE(3, 3),
      ABSOLUTE(85, 93, 96), ECC_TOTALS, NO_SRAM_DETAIL, NO_REMAP, NO_FABRIC, NO_PLATFORM, NO_MODULE, NO_EDPP,
      [V_power_average_mw] = ABSENT, [V_temp_c] = 71, [V_memory_temp_c] = ABSENT, [V_memory_max_c] = ABSENT}},
    {"rtx3080", "NVIDIA GeForce RTX 3080", "94.02.71.40.72", NULL, "G001.0000.03.03", "2.0", NULL, 8, 6,
     0x221610DE, 0x161219DA, 68,
     {COMMON, POWER(301000, 100000, 320000, 336000), CLOCKS(2100, 9501, 1950), MEMORY(10240, 397, 9000000000),
      PCIE(4, 4), ABSOLUTE(93, 95, 98), NO_ECC, NO_REMAP, NO_RETIRED, NO_FABRIC, NO_PLATFORM, NO_MODULE, NO_EDPP,
      [V_power_average_mw] = DERIVED, [V_temp_c] = 68, [V_memory_temp_c] = ABSENT, [V_memory_max_c] = ABSENT}},
};

const profile *profile_find(const char *key) {
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        if (!strcmp(models[i].key, key)) return &models[i];
    return NULL;
}
