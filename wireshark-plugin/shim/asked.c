/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which of our fields a filter, a column or a statistic needs.
 *
 * epan marks them before it dissects a frame, in each field's description. There are thousands of fields, and tshark needs
 * the same ones of every frame: what it needs of the first one is noted. Programs that keep their frames dissect one
 * with any filter, so there each description is looked at.
 */
#include "internal.h"

/* The fields needed of every frame, by index in the registry and in that order, if is_noted. */
static uint32_t *noted;
static size_t noted_len;
static bool is_noted;
/* Whether there are others than those that this half adds itself. */
static bool has_others;

bool
bblog_is_asked_for(int hf)
{
    return hf > 0 && proto_registrar_get_nth((unsigned)hf)->ref_type != HF_REF_TYPE_NONE;
}

bool
bblog_bits_asked_for(uint32_t field)
{
    for (const int *hf = bblog_bits[field]; hf != NULL && *hf != 0; hf++) {
        if (bblog_is_asked_for(*hf))
            return true;
    }
    return false;
}

static uint32_t
next_marked(uint32_t from, uint32_t end)
{
    for (; from < end; from++) {
        /* Few members have bits. */
        if (bblog_hfinfos[from]->ref_type != HF_REF_TYPE_NONE || (bblog_bits[from] != NULL && bblog_bits_asked_for(from)))
            return from;
    }
    return end;
}

void
bblog_note_asked(const packet_info *pinfo, const proto_tree *tree)
{
    const bblog_registry *registry = bblog_registry_get();
    if (tree == NULL || is_noted || bblog_has_later_passes(pinfo))
        return;
    noted_len = 0;
    has_others = false;
    uint32_t end = bblog_hfinfos_len;
    for (uint32_t at = next_marked(0, end); at < end; at = next_marked(at + 1, end)) {
        noted = g_renew(uint32_t, noted, noted_len + 1);
        noted[noted_len++] = at;
        has_others = has_others || (at != registry->event && at != registry->summary && at != registry->stream);
    }
    is_noted = true;
}

void
bblog_forget_asked(void)
{
    is_noted = false;
}

bool
bblog_others_asked_for(void)
{
    return !is_noted || has_others;
}

uint32_t
bblog_shim_next_asked(uint32_t from, uint32_t end)
{
    /* No fields are registered yet. */
    if (bblog_hfinfos_len == 0)
        return from;
    if (end > bblog_hfinfos_len)
        end = bblog_hfinfos_len;
    if (!is_noted)
        return next_marked(from, end);
    for (size_t i = 0; i < noted_len; i++) {
        if (noted[i] >= from)
            return noted[i] < end ? noted[i] : end;
    }
    return end;
}
