/*
 * The checksum of PROXY v2 headers.  Pure.
 */
#ifndef COMMON_CRC32C_H
#define COMMON_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Goes on with crc; begin with UINT32_MAX, and invert the result. */
uint32_t crc32c_add(uint32_t crc, const void *p, size_t len_bytes);

#endif
