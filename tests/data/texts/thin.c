/* thin.c - see thin.h
 *
 * Real numbers stand as codes, real = scale (code - zero), and a layer is
 *
 *     code = zero + acc m0 / 2^n, rounded and clamped
 *     acc = sum of w (x - zero of x), plus bias
 *
 * [Jacob et al. 2018, Quantization and Training of Neural Networks for Efficient
 * Integer-Arithmetic-Only Inference, eq. 1 and 4-7]. A loop `for (; a_rows < end; a_rows++)` asks a
 * layer for the rows that are needed next; row h is kept at h % rows.
 */
#include "thin.h"

#if THIN_CHECKSUM != 0xef76eb8c
#error thin.h is of another program: export all files again
#endif

#ifdef __AVR__
#include <avr/pgmspace.h> /* tables stay in flash, which is no part of the memory that pointers reach */
#define FLASH PROGMEM
#define FLASH_8(p) pgm_read_byte(p)
#define FLASH_16(p) pgm_read_word(p)
#define FLASH_32(p) pgm_read_dword(p)
#else
#define FLASH
#define FLASH_8(p) (*(p))
#define FLASH_16(p) (*(p))
#define FLASH_32(p) (*(p))
#endif

#ifdef __GNUC__
#define APART __attribute__((noinline)) /* so that its loops have all registers */
#else
#define APART
#endif

#ifndef THIN_READ_INPUT
#define THIN_READ_INPUT(input, k) ((input)[k])
#endif

static const thin_input_t *image;
static thin_output_t *answer;
static union { /* never needed at the same time */
    uint8_t pad1_codes[9]; /* 1 x 9 x 1 */
    uint8_t avgpool2d3_codes[7]; /* 1 x 7 x 1 */
    int8_t concat5_codes[7]; /* 1 x 7 x 1 */
    int8_t concat7_codes[14]; /* 2 x 1 x 7 */
    int8_t conv2d10_codes[21]; /* 3 x 1 x 7 */
    int8_t multiply13_codes[3]; /* 1 x 1 x 3 */
    uint8_t rows_codes[4]; /* 2 x 2 x 1 */
    int8_t linear21_codes[1]; /* 1 */
    int8_t linear23_codes[3]; /* 3 */
} shared0;
static union { /* never needed at the same time */
    uint8_t tall_codes[7]; /* 1 x 7 x 1 */
    uint8_t maxpool2d2_codes[7]; /* 1 x 7 x 1 */
    int8_t table4_codes[7]; /* 1 x 7 x 1 */
    int8_t wide_codes[7]; /* 1 x 1 x 7 */
    int8_t pad9_codes[10]; /* 1 x 1 x 10 */
    uint8_t halved_codes[3]; /* 1 x 1 x 3 */
    int8_t softmax14_codes[3]; /* 1 x 1 x 3 */
    uint8_t product16_codes[3]; /* 1 x 1 x 3 */
    uint8_t table20_codes[4]; /* 4 */
    uint8_t multiply22_codes[1]; /* 1 */
} shared1;
static union { /* never needed at the same time */
    int8_t conv2d8_codes[7]; /* 1 x 1 x 7 */
    uint8_t add15_codes[3]; /* 1 x 1 x 3 */
} shared2;
static int16_t sums16[7]; /* sums of a row of a channel */
static int16_t most16[3]; /* greatest sums of windows */

static int32_t clamp(int32_t x, int32_t lo, int32_t hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

/* x / 2^s, rounded down: C leaves open what >> does to a negative number. */
static int64_t floor_shift(int64_t x, int s)
{
    return x < 0 ? ~(~x >> s) : x >> s;
}

/* a b / 2^31 to nearest, half up: ARM's SQRDMULH [gemmlowp, fixedpoint.h] */
static int32_t high(int32_t a, int32_t b)
{
    return (int32_t)floor_shift((int64_t)a * b + ((int32_t)1 << 30), 31);
}

/* acc m0 / 2^n to nearest, half up [Jacob et al. 2018, eq. 4-6, rounded once] */
static int32_t rescale_single(int32_t acc, int32_t m0, int n)
{
    return (int32_t)floor_shift((int64_t)acc * m0 + ((int64_t)1 << (n - 1)), n);
}

/* acc m0 / 2^n, rounded twice: after 31 bits half up, after the rest half away from zero
 * [Jacob et al. 2018, eq. 4-6, as gemmlowp computes them] */
static int32_t rescale_double(int32_t acc, int32_t m0, int n)
{
    if (n <= 31)
        return high(acc * ((int32_t)1 << (31 - n)), m0);
    const int64_t x = high(acc, m0), half = (int64_t)1 << (n - 32);
    return (int32_t)floor_shift(x + half - (x < 0), n - 31);
}

/* (acc m + r) / 2^s, rounded down: 32 bits hold it, and the code is that of acc m0 / 2^n for all sums here */
static int32_t rescale_short(int32_t acc, int32_t m, int32_t r, int s)
{
    const int32_t x = acc * m + r;
    return x < 0 ? ~(~x >> s) : x >> s;
}

/* x / 2^e to nearest, halves to the even one */
static int64_t even(int64_t x, int e)
{
    if (e == 0)
        return x;
    return floor_shift(x + ((int64_t)1 << (e - 1)) - (floor_shift(x, e) % 2 == 0), e);
}

/* x to nearest among the numbers of 24 significant bits, halves to the even one: what a float32 keeps */
static int64_t significant(int64_t x)
{
    const int64_t size = x < 0 ? -x : x;
    int e = 0;
    while (size >> e >> 24 > 0)
        e++;
    return even(x, e) * ((int64_t)1 << e);
}

/* acc m0 / 2^n as float32 arithmetic rounds it, in integers; m0 is a multiple of 2^7 */
static int32_t rescale_float32(int32_t acc, int32_t m0, int n)
{
    const int64_t product = significant(significant(acc) * (m0 / 128));
    return (int32_t)(n < 7 ? product * ((int64_t)1 << (7 - n)) : even(product, n - 7));
}

/* sum / count to nearest, half away from zero */
static int32_t mean(int32_t sum, int32_t count)
{
    return sum < 0 ? -((count / 2 - sum) / count) : (sum + count / 2) / count;
}

/* 1 / sum = r / 2^(31 + bits) for a sum in units of 2^-19, 1 or more: gives r and sets bits. Newton's method
 * from the best straight line [gemmlowp, fixedpoint.h] */
static int32_t reciprocal(int32_t sum, int *bits)
{
    int b = 0;
    while (sum >> b >> 20 > 0)
        b++;
    *bits = b;
    const int32_t h = sum * ((int32_t)1 << (11 - b));
    int32_t r = 1515870810 + high(h, -1010580540);
    for (int k = 0; k < 3; k++)
        r += high(r, ((int32_t)1 << 29) - high(h, r)) * 4;
    return r > 1073741823 ? 2147483647 : r * 2;
}

/* tall: Conv2d 3x1, 1x7x1 to 1x7x1. |sum + bias| <= 1,008, and int16_t holds the sum. */
static const int8_t tall_w[3] FLASH = {
    2, 0, 2,
};

static APART void tall_sums(int oh)
{
    sums16[0] = 0;
    for (int i = 0; i < 3; i++) {
        const int h = oh + i - 1;
        if (h >= 0 && h < 7) {
            const int row = h;
            const int k = i;
            const int w0 = (int8_t)FLASH_8(tall_w + k);
            int sum = sums16[0];
            sum += w0 * (THIN_READ_INPUT(image, row) - 3);
            sums16[0] = (int16_t)sum;
        }
    }
}

static void tall_row(int oh)
{
    tall_sums(oh);
    shared1.tall_codes[oh] =
        (uint8_t)clamp(rescale_short(sums16[0], 1048576, 135790591, 28), 0, 255);
}

/* pad1: Pad, 1x7x1 to 1x9x1. */
static void pad1_row(int oh)
{
    const int h = oh - 2;
    const int v = 0;
    shared0.pad1_codes[oh] =
        (uint8_t)(h >= 0 && h < 7 && v >= 0 && v < 1 ? shared1.tall_codes[h] : 0);
}

/* maxpool2d2: MaxPool2d 3x1, 1x9x1 to 1x7x1. */
static void maxpool2d2_row(int oh)
{
    const int top = oh, bottom = oh + 3;
    const int left = 0, right = 1;
    int most = 0;
    for (int h = top; h < bottom; h++) {
        for (int v = left; v < right; v++) {
            if (shared0.pad1_codes[h] > most)
                most = shared0.pad1_codes[h];
        }
    }
    shared1.maxpool2d2_codes[oh] = (uint8_t)most;
}

/* avgpool2d3: AvgPool2d 2x1, 1x7x1 to 1x7x1. |sum| <= 511, which int16_t holds. */
static void avgpool2d3_row(int oh)
{
    const int top = oh - 1 < 0 ? 0 : oh - 1, bottom = oh + 1 > 7 ? 7 : oh + 1;
    const int left = 0, right = 1;
    int16_t sum = 0;
    for (int h = top; h < bottom; h++) {
        for (int v = left; v < right; v++)
            sum = (int16_t)(sum + shared1.maxpool2d2_codes[h]);
    }
    shared0.avgpool2d3_codes[oh] =
        (uint8_t)mean(sum, (bottom - top) * (right - left));
}

/* table4: Table, 1x7x1 to 1x7x1. */
static const int8_t table4_table[256] FLASH = {
    -100, -99, -98, -97, -96, -95, -94, -93, -92, -91, -90, -89, -88, -87, -86, -85, -84, -83, -82,
    -81, -80, -79, -78, -77, -76, -75, -74, -73, -72, -71, -70, -69, -68, -67, -66, -65, -64, -63,
    -62, -61, -60, -59, -58, -57, -56, -55, -54, -53, -52, -51, -50, -49, -48, -47, -46, -45, -44,
    -43, -42, -41, -40, -39, -38, -37, -36, -35, -34, -33, -32, -31, -30, -29, -28, -27, -26, -25,
    -24, -23, -22, -21, -20, -19, -18, -17, -16, -15, -14, -13, -12, -11, -10, -9, -8, -7, -6, -5,
    -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
    22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45,
    46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69,
    70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93,
    94, 95, 96, 97, 98, 99, -100, -99, -98, -97, -96, -95, -94, -93, -92, -91, -90, -89, -88, -87,
    -86, -85, -84, -83, -82, -81, -80, -79, -78, -77, -76, -75, -74, -73, -72, -71, -70, -69, -68,
    -67, -66, -65, -64, -63, -62, -61, -60, -59, -58, -57, -56, -55, -54, -53, -52, -51, -50, -49,
    -48, -47, -46, -45,
};

static void table4_row(int oh)
{
    shared1.table4_codes[oh] =
        (int8_t)(int8_t)FLASH_8(table4_table + shared0.avgpool2d3_codes[oh]);
}

/* concat5: Concat of 4, 1x7x1 to 1x7x1. */
static void concat5_row(int oh)
{
    shared0.concat5_codes[oh] = (int8_t)shared1.table4_codes[oh];
}

/* wide: Transpose CWH, 1x7x1 to 1x1x7. */
static void wide_all(void)
{
    for (int v = 0; v < 7; v++)
        shared1.wide_codes[v] = (int8_t)shared0.concat5_codes[v];
}

/* concat7: Concat of 6, 6, 1x1x7 to 2x1x7. */
static void concat7_all(void)
{
    for (int ow = 0; ow < 7; ow++)
        shared0.concat7_codes[ow] = (int8_t)shared1.wide_codes[ow];
    for (int ow = 0; ow < 7; ow++)
        shared0.concat7_codes[1 * 7 + ow] = (int8_t)shared1.wide_codes[ow];
}

/* conv2d8: Conv2d 1x1, 2x1x7 to 1x1x7. |sum + bias| <= 294, and int16_t holds the sum. */
static const int8_t conv2d8_w[2] FLASH = {
    2, 0,
};

static APART void conv2d8_sums(void)
{
    for (int ow = 0; ow < 7; ow++)
        sums16[ow] = 0;
    for (int c = 0; c < 2; c++) {
        const int row = c * 7;
        const int k = c;
        const int w0 = (int8_t)FLASH_8(conv2d8_w + k);
        for (int ow = 0; ow < 7; ow++) {
            int sum = sums16[ow];
            sum += w0 * (shared0.concat7_codes[row + ow] + 7);
            sums16[ow] = (int16_t)sum;
        }
    }
}

static void conv2d8_all(void)
{
    conv2d8_sums();
    for (int ow = 0; ow < 7; ow++) {
        shared2.conv2d8_codes[ow] =
            (int8_t)(clamp(rescale_double(sums16[ow] - 26, 1073741824, 38), -121, 134) - 7);
    }
}

/* pad9: Pad, 1x1x7 to 1x1x10. */
static void pad9_all(void)
{
    const int h = 0;
    for (int ow = 0; ow < 10; ow++) {
        const int v = ow - 1;
        shared1.pad9_codes[ow] =
            (int8_t)(h >= 0 && h < 1 && v >= 0 && v < 7 ? shared2.conv2d8_codes[v] : -7);
    }
}

/* conv2d10: Conv2d 1x4, 1x1x10 to 3x1x7. |sum + bias| <= 1,977, and int16_t holds the sum. */
static const int8_t conv2d10_w[12] FLASH = {
    2, 0, 2, -7, 2, 0, 2, -7, 3, 1, 3, -6,
};

static const int16_t conv2d10_bias[3] FLASH = {
    -26, 196, -235,
};

static APART void conv2d10_sums(int f)
{
    for (int ow = 0; ow < 7; ow++)
        sums16[ow] = 0;
    const int k = f * 4;
    const int w0 = (int8_t)FLASH_8(conv2d10_w + k);
    const int w1 = (int8_t)FLASH_8(conv2d10_w + k + 1);
    const int w2 = (int8_t)FLASH_8(conv2d10_w + k + 2);
    const int w3 = (int8_t)FLASH_8(conv2d10_w + k + 3);
    for (int ow = 0; ow < 7; ow++) {
        int sum = sums16[ow];
        sum += w0 * (shared1.pad9_codes[ow] + 7);
        sum += w1 * (shared1.pad9_codes[ow + 1] + 7);
        sum += w2 * (shared1.pad9_codes[ow + 2] + 7);
        sum += w3 * (shared1.pad9_codes[ow + 3] + 7);
        sums16[ow] = (int16_t)sum;
    }
}

static void conv2d10_all(void)
{
    for (int f = 0; f < 3; f++) {
        conv2d10_sums(f);
        const int32_t bias = (int16_t)FLASH_16(conv2d10_bias + f);
        for (int ow = 0; ow < 7; ow++) {
            shared0.conv2d10_codes[f * 7 + ow] =
                (int8_t)(clamp(rescale_double(sums16[ow] + bias, 2147483520, 36), -121, 134) - 7);
        }
    }
}

/* conv2d11: Conv2d 1x1, 3x1x7 to 1x1x7. |sum + bias| <= 562, and int16_t holds the sum. */
static const int8_t conv2d11_w[3] FLASH = {
    2, 0, 2,
};

static APART void conv2d11_sums(void)
{
    for (int ow = 0; ow < 6; ow++)
        sums16[ow] = 0;
    for (int c = 0; c < 3; c++) {
        const int row = c * 7;
        const int k = c;
        const int w0 = (int8_t)FLASH_8(conv2d11_w + k);
        for (int ow = 0; ow < 6; ow++) {
            int sum = sums16[ow];
            sum += w0 * (shared0.conv2d10_codes[row + ow] + 7);
            sums16[ow] = (int16_t)sum;
        }
    }
}

/* halved: MaxPool2d 1x2/1x2, 1x1x7 to 1x1x3. The greatest sum gives the greatest code. */
static void halved_all(void)
{
    for (int ow = 0; ow < 3; ow++)
        most16[ow] = INT16_MIN;
    conv2d11_sums();
    for (int ow = 0; ow < 3; ow++) {
        for (int j = 0; j < 2; j++) {
            if (sums16[2 * ow + j] > most16[ow])
                most16[ow] = sums16[2 * ow + j];
        }
    }
    for (int ow = 0; ow < 3; ow++) {
        shared1.halved_codes[ow] =
            (uint8_t)clamp(rescale_short(most16[ow] - 26, 2097152, 269484031, 29), 0, 255);
    }
}

/* multiply13: Multiply, 1x1x3 to 1x1x3. */
static void multiply13_all(void)
{
    for (int ow = 0; ow < 3; ow++) {
        shared0.multiply13_codes[ow] =
            (int8_t)(clamp(rescale_single((int32_t)(-9) * shared1.halved_codes[ow], 1073741825, 36), -121, 134) - 7);
    }
}

/* softmax14: Softmax, 1x1x3 to 1x1x3. Exponentials in units of 2^-31, by how far a code is below
 * the greatest.
 */
static const int32_t softmax14_table[256] FLASH = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1786, 13195, 97496,
    720401, 5323081, 39332546, 290630390, 2147483647,
};

static void softmax14_all(void)
{
    for (int ow = 0; ow < 3; ow++) {
        int most = shared0.multiply13_codes[ow], bits;
        int32_t sum = 0;
        if (shared0.multiply13_codes[ow] > most)
            most = shared0.multiply13_codes[ow];
        const int32_t e = (int32_t)FLASH_32(softmax14_table + (shared0.multiply13_codes[ow] - most + 255));
        sum += (e >> 12) + (e >> 11 & 1);
        const int32_t r = reciprocal(sum, &bits);
        const int64_t part = high((int32_t)FLASH_32(softmax14_table + (shared0.multiply13_codes[ow] - most + 255)), r), half = (int64_t)1 << (22 + bits);
        const int32_t p = (int32_t)floor_shift(part + half, 23 + bits);
        shared1.softmax14_codes[ow] = (int8_t)((p > 255 ? 255 : p) - 128);
    }
}

/* add15: Add of 13, 1x1x3 to 1x1x3. */
static void add15_all(void)
{
    for (int ow = 0; ow < 3; ow++) {
        shared2.add15_codes[ow] =
            (uint8_t)clamp(rescale_double(rescale_double((int32_t)(shared1.softmax14_codes[ow] + 128) * 1048576, 1073741824, 31) + rescale_double((int32_t)(shared0.multiply13_codes[ow] + 7) * 1048576, 1073741824, 31), 1073741824, 49), 0, 255);
    }
}

/* product16: Product of 15, 1x1x3 to 1x1x3. */
static void product16_all(void)
{
    for (int ow = 0; ow < 3; ow++) {
        shared1.product16_codes[ow] =
            (uint8_t)clamp(rescale_short((int32_t)shared2.add15_codes[ow] * shared2.add15_codes[ow], 32768, 1097727, 21), 0, 255);
    }
}

/* rows: Conv2d 2x1, 1x3x1 to 2x2x1. |sum + bias| <= 2,491, and int16_t holds the sum. */
static const int8_t rows_w[4] FLASH = {
    2, 0, 2, -7,
};

static const int16_t rows_bias[2] FLASH = {
    -26, 196,
};

static const int32_t rows_m[2] FLASH = {
    524288, 527683,
};

static const int32_t rows_r[2] FLASH = {
    67895295, 67621061,
};

static APART void rows_sums(int f, int oh)
{
    sums16[0] = 0;
    for (int i = 0; i < 2; i++) {
        const int h = oh + i;
        const int row = h;
        const int k = f * 2 + i;
        const int w0 = (int8_t)FLASH_8(rows_w + k);
        int sum = sums16[0];
        sum += w0 * shared1.product16_codes[row];
        sums16[0] = (int16_t)sum;
    }
}

static void rows_row(int oh)
{
    for (int f = 0; f < 2; f++) {
        rows_sums(f, oh);
        const int32_t bias = (int16_t)FLASH_16(rows_bias + f);
        const int32_t m = (int32_t)FLASH_32(rows_m + f);
        const int32_t r = (int32_t)FLASH_32(rows_r + f);
        shared0.rows_codes[f * 2 + oh] =
            (uint8_t)clamp(rescale_short(sums16[0] + bias, m, r, 27), 0, 255);
    }
}

/* table20: Table, 4 to 4. */
static const uint8_t table20_table[256] FLASH = {
    255, 254, 253, 252, 251, 250, 249, 248, 247, 246, 245, 244, 243, 242, 241, 240, 239, 238, 237,
    236, 235, 234, 233, 232, 231, 230, 229, 228, 227, 226, 225, 224, 223, 222, 221, 220, 219, 218,
    217, 216, 215, 214, 213, 212, 211, 210, 209, 208, 207, 206, 205, 204, 203, 202, 201, 200, 199,
    198, 197, 196, 195, 194, 193, 192, 191, 190, 189, 188, 187, 186, 185, 184, 183, 182, 181, 180,
    179, 178, 177, 176, 175, 174, 173, 172, 171, 170, 169, 168, 167, 166, 165, 164, 163, 162, 161,
    160, 159, 158, 157, 156, 155, 154, 153, 152, 151, 150, 149, 148, 147, 146, 145, 144, 143, 142,
    141, 140, 139, 138, 137, 136, 135, 134, 133, 132, 131, 130, 129, 128, 127, 126, 125, 124, 123,
    122, 121, 120, 119, 118, 117, 116, 115, 114, 113, 112, 111, 110, 109, 108, 107, 106, 105, 104,
    103, 102, 101, 100, 99, 98, 97, 96, 95, 94, 93, 92, 91, 90, 89, 88, 87, 86, 85, 84, 83, 82, 81,
    80, 79, 78, 77, 76, 75, 74, 73, 72, 71, 70, 69, 68, 67, 66, 65, 64, 63, 62, 61, 60, 59, 58, 57,
    56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34, 33,
    32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9,
    8, 7, 6, 5, 4, 3, 2, 1, 0,
};

static void table20_all(void)
{
    for (int f = 0; f < 4; f++) {
        shared1.table20_codes[f] =
            (uint8_t)(uint8_t)FLASH_8(table20_table + shared0.rows_codes[f]);
    }
}

/* linear21: Linear, 4 to 1. |sum + bias| <= 2,831, and int16_t holds the sum. */
static const int8_t linear21_w[4] FLASH = {
    2, 0, 2, -7,
};

static void linear21_all(void)
{
    int16_t sum = 0;
    for (int c = 0; c < 4; c++) {
        const int w = (int8_t)FLASH_8(linear21_w + c);
        sum = (int16_t)(sum + w * shared1.table20_codes[c]);
    }
    shared0.linear21_codes[0] =
        (int8_t)(clamp(rescale_short(sum - 26, 524288, 67371007, 27), -121, 134) - 7);
}

/* multiply22: Multiply, 1 to 1. */
static void multiply22_all(void)
{
    shared1.multiply22_codes[0] =
        (uint8_t)clamp(rescale_float32((int32_t)(5) * (shared0.linear21_codes[0] + 7), 1073741824, 33), 0, 255);
}

/* linear23: Linear, 1 to 3. |sum + bias| <= 745, and int16_t holds the sum. */
static const int8_t linear23_w[3] FLASH = {
    2, 0, 2,
};

static const int16_t linear23_bias[3] FLASH = {
    -26, 196, -235,
};

static const int32_t linear23_m[3] FLASH = {
    2097152, 2110732, 2124313,
};

static const int32_t linear23_r[3] FLASH = {
    269484031, 268435455, 268435455,
};

static void linear23_all(void)
{
    for (int f = 0; f < 3; f++) {
        int16_t sum = 0;
        const int w = (int8_t)FLASH_8(linear23_w + f);
        sum = (int16_t)(sum + w * shared1.multiply22_codes[0]);
        const int32_t bias = (int16_t)FLASH_16(linear23_bias + f);
        const int32_t m = (int32_t)FLASH_32(linear23_m + f);
        const int32_t r = (int32_t)FLASH_32(linear23_r + f);
        shared0.linear23_codes[f] =
            (int8_t)(clamp(rescale_short(sum + bias, m, r, 29), -121, 134) - 7);
    }
}

/* add24: Add of 23, 3 to 3. */
static void add24_all(void)
{
    for (int f = 0; f < 3; f++) {
        answer[f] =
            (uint8_t)clamp((int32_t)floor_shift(3 * (int32_t)(shared0.linear23_codes[f] + 7) + 4 * (int32_t)(shared0.linear23_codes[f] + 7) + 4, 3), 0, 255);
    }
}

void thin_run(const thin_input_t *input, thin_output_t *output)
{
    image = input;
    answer = output;
    for (int oh = 0; oh < 7; oh++)
        tall_row(oh);
    for (int oh = 0; oh < 9; oh++)
        pad1_row(oh);
    for (int oh = 0; oh < 7; oh++)
        maxpool2d2_row(oh);
    for (int oh = 0; oh < 7; oh++)
        avgpool2d3_row(oh);
    for (int oh = 0; oh < 7; oh++)
        table4_row(oh);
    for (int oh = 0; oh < 7; oh++)
        concat5_row(oh);
    wide_all();
    concat7_all();
    conv2d8_all();
    pad9_all();
    conv2d10_all();
    halved_all();
    multiply13_all();
    softmax14_all();
    add15_all();
    product16_all();
    for (int oh = 0; oh < 2; oh++)
        rows_row(oh);
    table20_all();
    linear21_all();
    multiply22_all();
    linear23_all();
    add24_all();
}

int thin_classify(const thin_input_t *input)
{
    static thin_output_t output[THIN_OUTPUT_SIZE];
    thin_run(input, output);
    int best = 0;
    for (int k = 1; k < THIN_OUTPUT_SIZE; k++)
        if (output[k] > output[best])
            best = k;
    return best;
}
