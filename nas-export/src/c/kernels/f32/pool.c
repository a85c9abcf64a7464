/* The largest value or the mean of each window; places outside of the map do not count. */
struct pool {
    struct part part;
    struct windows windows;
    int32_t first, column;
    int largest;
    struct function function;
};

static void reduce(const struct pool *call, const float *const *at, int32_t taps, int32_t channel, int32_t count, float *out)
{
    float values[NETWORK_LANES];
    int32_t i, t;
    for (t = 0; t < count; t++)
        values[t] = at[0][channel + t];
    for (i = 1; i < taps; i++) {
        const float *more = at[i] + channel;
        if (call->largest)
            for (t = 0; t < count; t++)
                values[t] = more[t] > values[t] ? more[t] : values[t];
        else
            for (t = 0; t < count; t++)
                values[t] += more[t];
    }
    if (!call->largest)
        for (t = 0; t < count; t++)
            values[t] /= (float)taps;
    apply(&call->function, channel, count, values);
    for (t = 0; t < count; t++)
        out[channel + t] = values[t];
}

static void pool(float *arena, const struct pool *call, float *scratch, const float **at)
{
    const struct windows *w = &call->windows;
    int32_t channels = call->part.channels;
    int32_t y, x, down, across, c;
    for (y = 0; y < w->size[0]; y++)
        for (x = 0; x < w->size[1]; x++) {
            float *out = arena + call->first + (y * w->size[1] + x) * call->column;
            int32_t taps = 0;
            for (down = 0; down < w->kernel[0]; down++) {
                int32_t row = y * w->stride[0] + down - w->padding[0];
                if (row < 0 || row >= w->seen[0])
                    continue;
                for (across = 0; across < w->kernel[1]; across++) {
                    int32_t place = x * w->stride[1] + across - w->padding[1];
                    if (place < 0 || place >= w->seen[1])
                        continue;
                    at[taps] = cell(arena, &call->part, row, place, scratch + taps * channels);
                    taps++;
                }
            }
            for (c = 0; channels - c >= NETWORK_LANES; c += NETWORK_LANES)
                reduce(call, at, taps, c, NETWORK_LANES, out);
            if (c < channels)
                reduce(call, at, taps, c, channels - c, out);
        }
}
