/* A sum. It may be written over one of its terms. */
struct add {
    const struct part *terms;
    const int32_t *factors;
    int32_t count, size[2], first, column;
    struct function function;
};

static void add(int8_t *arena, const struct add *call, int8_t *scratch, const int8_t **at)
{
    int32_t channels = call->terms[0].channels;
    int32_t y, x, term, c, t;
    for (y = 0; y < call->size[0]; y++)
        for (x = 0; x < call->size[1]; x++) {
            int8_t *out = arena + call->first + (y * call->size[1] + x) * call->column;
            for (term = 0; term < call->count; term++)
                at[term] = cell(arena, &call->terms[term], y, x, scratch + term * channels);
            for (c = 0; c < channels; c += NETWORK_LANES) {
                int32_t sums[NETWORK_LANES] = {0};
                int32_t count = channels - c < NETWORK_LANES ? channels - c : NETWORK_LANES;
                for (term = 0; term < call->count; term++)
                    if (at[term])
                        for (t = 0; t < count; t++)
                            sums[t] += (at[term][c + t] - call->terms[term].zero) * call->factors[term];
                for (t = 0; t < count; t++)
                    out[c + t] = requantize(&call->function, c + t, sums[t]);
            }
        }
}
