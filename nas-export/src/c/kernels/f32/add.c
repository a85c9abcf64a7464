/* A sum. It may be written over one of its terms. */
struct add {
    const struct part *terms;
    int32_t count, size[2], first, column;
    struct function function;
};

static void sum(const struct add *call, const float *const *at, int32_t terms, int32_t channel, int32_t count, float *out)
{
    float sums[NETWORK_LANES];
    int32_t i, t;
    for (t = 0; t < count; t++)
        sums[t] = 0.0f;
    for (i = 0; i < terms; i++)
        for (t = 0; t < count; t++)
            sums[t] += at[i][channel + t];
    apply(&call->function, channel, count, sums);
    for (t = 0; t < count; t++)
        out[channel + t] = sums[t];
}

static void add(float *arena, const struct add *call, float *scratch, const float **at)
{
    int32_t channels = call->terms[0].channels;
    int32_t y, x, term, c;
    for (y = 0; y < call->size[0]; y++)
        for (x = 0; x < call->size[1]; x++) {
            float *out = arena + call->first + (y * call->size[1] + x) * call->column;
            int32_t terms = 0;
            for (term = 0; term < call->count; term++) {
                const float *values = cell(arena, &call->terms[term], y, x, scratch + terms * channels);
                if (values)
                    at[terms++] = values;
            }
            for (c = 0; channels - c >= NETWORK_LANES; c += NETWORK_LANES)
                sum(call, at, terms, c, NETWORK_LANES, out);
            if (c < channels)
                sum(call, at, terms, c, channels - c, out);
        }
}
