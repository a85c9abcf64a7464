/* Takes the class scores out of the arena. */
static void take(const float *arena, const struct part *parts, int32_t count, float *scores)
{
    int32_t part, i;
    for (part = 0; part < count; part++) {
        const float *values = cell(arena, &parts[part], 0, 0, scores);
        for (i = 0; i < parts[part].channels; i++)
            scores[i] = values ? values[i] : 0.0f;
        scores += parts[part].channels;
    }
}
