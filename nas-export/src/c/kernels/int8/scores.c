/* Takes the class scores out of the arena. */
static void take(const int8_t *arena, const struct part *parts, int32_t count, int8_t *scores)
{
    int32_t part, i;
    for (part = 0; part < count; part++) {
        const int8_t *values = cell(arena, &parts[part], 0, 0, scores);
        for (i = 0; i < parts[part].channels; i++)
            scores[i] = (int8_t)(values ? values[i] : parts[part].zero);
        scores += parts[part].channels;
    }
}
