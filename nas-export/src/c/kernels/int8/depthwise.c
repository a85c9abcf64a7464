/* A convolution of each channel by itself. The weights are [row][column][channel]. */
struct depthwise {
    struct part part;
    struct windows windows;
    int32_t first, column;
    const int8_t *weight;
    const int32_t *bias;
    struct function function;
};

static void weigh(const struct depthwise *call, const int8_t *const *at, int32_t taps, int32_t channel, int32_t count, int8_t *out)
{
    int32_t sums[NETWORK_LANES];
    int32_t i, t;
    for (t = 0; t < count; t++)
        sums[t] = call->bias[channel + t];
    for (i = 0; i < taps; i++) {
        const int8_t *values = at[2 * i] + channel, *weight = at[2 * i + 1] + channel;
        for (t = 0; t < count; t++)
            sums[t] += (values[t] - call->part.zero) * weight[t];
    }
    for (t = 0; t < count; t++)
        out[channel + t] = requantize(&call->function, channel + t, sums[t]);
}

static void convolve_depthwise(int8_t *arena, const struct depthwise *call, int8_t *scratch, const int8_t **at)
{
    const struct windows *w = &call->windows;
    int32_t channels = call->part.channels;
    int32_t y, x, down, across, c;
    for (y = 0; y < w->size[0]; y++)
        for (x = 0; x < w->size[1]; x++) {
            int8_t *out = arena + call->first + (y * w->size[1] + x) * call->column;
            int32_t taps = 0;
            for (down = 0; down < w->kernel[0]; down++) {
                int32_t row = y * w->stride[0] + down * w->dilation[0] - w->padding[0];
                if (row < 0 || row >= w->seen[0])
                    continue;
                for (across = 0; across < w->kernel[1]; across++) {
                    int32_t place = x * w->stride[1] + across * w->dilation[1] - w->padding[1];
                    const int8_t *values;
                    if (place < 0 || place >= w->seen[1])
                        continue;
                    values = cell(arena, &call->part, row, place, scratch + taps * channels);
                    if (!values)
                        continue;
                    at[2 * taps] = values;
                    at[2 * taps + 1] = call->weight + (down * w->kernel[1] + across) * channels;
                    taps++;
                }
            }
            for (c = 0; channels - c >= NETWORK_LANES; c += NETWORK_LANES)
                weigh(call, at, taps, c, NETWORK_LANES, out);
            if (c < channels)
                weigh(call, at, taps, c, channels - c, out);
        }
}
