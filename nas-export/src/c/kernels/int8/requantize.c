/* How a sum becomes an integer of 8 bits: (factor * sum + offset) / 2^shift, rounded to the nearest
   integer, halves up, plus zero, within low and 127. */
struct function {
    const int32_t *factor;
    const int64_t *offset;
    int32_t single, shift, zero, low, before;
};

static int8_t requantize(const struct function *function, int32_t channel, int32_t sum)
{
    int64_t value;
    if (function->before && sum < 0)
        sum = 0;
    value = (int64_t)sum * function->factor[function->single ? 0 : channel];
    if (function->offset)
        value += function->offset[channel];
    value += (int64_t)1 << (function->shift - 1);
    /* Shifting negative numbers is not the same everywhere. */
    value = value < 0 ? ~(~value >> function->shift) : value >> function->shift;
    value += function->zero;
    value = value < function->low ? function->low : value;
    return (int8_t)(value > 127 ? 127 : value);
}
