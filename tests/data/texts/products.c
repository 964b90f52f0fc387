/* products.c - see products.h
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
#include "products.h"

#if PRODUCTS_CHECKSUM != 0x02a4e712
#error products.h is of another program: export all files again
#endif

#ifndef PRODUCTS_READ_INPUT
#define PRODUCTS_READ_INPUT(input, k) ((input)[k])
#endif

static const products_input_t *image;
static products_output_t *answer;
static union { /* never needed at the same time */
    int16_t globalavgpool0_sums[3]; /* 3 sums */
    uint8_t product3_codes[60]; /* 3 x 4 x 5 */
} shared0;
static int8_t gate_codes[15]; /* 1 of the 4 rows of 3 x 4 x 5 */
static uint8_t globalavgpool0_codes[3]; /* 3 */
static int16_t gate_rows; /* how many are done */

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

/* sum / count to nearest, half away from zero */
static int32_t mean(int32_t sum, int32_t count)
{
    return sum < 0 ? -((count / 2 - sum) / count) : (sum + count / 2) / count;
}

/* globalavgpool0: GlobalAvgPool, 3x4x5 to 3x1x1. |sum| <= 5,110, which int16_t holds. */
static void globalavgpool0_all(void)
{
    for (int c = 0; c < 3; c++)
        shared0.globalavgpool0_sums[c] = 0;
    for (int h = 0; h < 4; h++) {
        for (int c = 0; c < 3; c++) {
            for (int v = 0; v < 5; v++)
                shared0.globalavgpool0_sums[c] = (int16_t)(shared0.globalavgpool0_sums[c] + PRODUCTS_READ_INPUT(image, (c * 4 + h) * 5 + v));
        }
    }
    for (int c = 0; c < 3; c++)
        globalavgpool0_codes[c] = (uint8_t)mean(shared0.globalavgpool0_sums[c], 20);
}

/* gate: Product of 0, 3x4x5 to 3x4x5. */
static void gate_row(int oh)
{
    for (int f = 0; f < 3; f++) {
        for (int ow = 0; ow < 5; ow++) {
            gate_codes[f * 5 + ow] =
                (int8_t)(clamp(rescale_double((int32_t)(PRODUCTS_READ_INPUT(image, (f * 4 + oh) * 5 + ow) - 7) * (globalavgpool0_codes[f] - 7), 1073741833, 40), -105, 85) + 5);
        }
    }
}

/* product3: Product of 1, 3x4x5 to 3x4x5. */
static void product3_row(int oh)
{
    for (; gate_rows < oh + 1; gate_rows++)
        gate_row(gate_rows);
    for (int f = 0; f < 3; f++) {
        for (int ow = 0; ow < 5; ow++) {
            shared0.product3_codes[(f * 4 + oh) * 5 + ow] =
                (uint8_t)(clamp(rescale_single((int32_t)(gate_codes[f * 5 + ow] - 5) * (PRODUCTS_READ_INPUT(image, (f * 4 + oh) * 5 + ow) - 7), 2147483647, 39), -3, 252) + 3);
        }
    }
}

/* product4: Product of 3, 3x4x5 to 3x4x5. */
static void product4_row(int oh)
{
    for (int f = 0; f < 3; f++) {
        for (int ow = 0; ow < 5; ow++) {
            answer[(f * 4 + oh) * 5 + ow] =
                (int8_t)(clamp(rescale_short((int32_t)(shared0.product3_codes[(f * 4 + oh) * 5 + ow] - 3) * (shared0.product3_codes[(f * 4 + oh) * 5 + ow] - 3), 32768, 1064959, 21), -105, 85) + 5);
        }
    }
}

void products_run(const products_input_t *input, products_output_t *output)
{
    image = input;
    answer = output;
    gate_rows = 0;
    globalavgpool0_all();
    for (int oh = 0; oh < 4; oh++)
        product3_row(oh);
    for (int oh = 0; oh < 4; oh++)
        product4_row(oh);
}

int products_classify(const products_input_t *input)
{
    static products_output_t output[PRODUCTS_OUTPUT_SIZE];
    products_run(input, output);
    int best = 0;
    for (int k = 1; k < PRODUCTS_OUTPUT_SIZE; k++)
        if (output[k] > output[best])
            best = k;
    return best;
}
