/* The mean of each channel. */
struct mean {
    struct part part;
    int32_t seen[2], first;
    struct function function;
};

static void mean(int8_t *arena, const struct mean *call, int8_t *scratch)
{
    int32_t channels = call->part.channels;
    int32_t y, x, c, t;
    for (c = 0; c < channels; c += NETWORK_LANES) {
        int32_t sums[NETWORK_LANES] = {0};
        int32_t count = channels - c < NETWORK_LANES ? channels - c : NETWORK_LANES;
        for (y = 0; y < call->seen[0]; y++)
            for (x = 0; x < call->seen[1]; x++) {
                const int8_t *values = cell(arena, &call->part, y, x, scratch);
                if (values)
                    for (t = 0; t < count; t++)
                        sums[t] += values[c + t] - call->part.zero;
            }
        for (t = 0; t < count; t++)
            arena[call->first + c + t] = requantize(&call->function, c + t, sums[t]);
    }
}
