/* The mean of each channel. */
struct mean {
    struct part part;
    int32_t seen[2], first;
    struct function function;
};

static void mean(float *arena, const struct mean *call, float *scratch)
{
    float *out = arena + call->first;
    int32_t channels = call->part.channels;
    int32_t y, x, c;
    for (c = 0; c < channels; c++)
        out[c] = 0.0f;
    for (y = 0; y < call->seen[0]; y++)
        for (x = 0; x < call->seen[1]; x++) {
            const float *values = cell(arena, &call->part, y, x, scratch);
            if (values)
                for (c = 0; c < channels; c++)
                    out[c] += values[c];
        }
    for (c = 0; c < channels; c++)
        out[c] /= (float)(call->seen[0] * call->seen[1]);
    apply(&call->function, 0, channels, out);
}
