/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a packet to the options of its Section Header Block.
 *
 * epan gives dissectors no way to the capture file. But a session begins with a pointer to its packet
 * provider, and the provider of tshark, Wireshark and sharkd (cfile.h) begins with the wtap. That layout
 * is not promised, so what is found there is only used if it is the wtap of a file that was seen being
 * opened: an open routine, placed before all others, notes them and declines. Should the layout ever change, or
 * the file come another way, sections merely have no facts.
 */
#include "internal.h"

#include <cfile.h>

/* The wtaps seen last. A GUI opens more files than the one it shows: to preview, to merge. */
#define FILES 64

static const wtap *files[FILES];
static unsigned next_file;

static wtap_open_return_val
note_file(wtap *wth, int *err, char **err_info)
{
    (void)err;
    (void)err_info;
    bool known = false;
    for (unsigned i = 0; i < FILES; i++)
        known = known || files[i] == wth;
    if (!known)
        files[next_file++ % FILES] = wth;
    /* An address may be used again for another file. */
    bblog_sections_clear();
    return WTAP_OPEN_NOT_MINE;
}

void
bblog_watch_files(void)
{
    /* wiretap is up before epan in every program there is; without it the call would crash. */
    if (open_routines == NULL || wtap_has_open_info("BBLog section watch"))
        return;
    static struct open_info watch = {
        .name = "BBLog section watch",
        .type = OPEN_INFO_MAGIC,
        .open_routine = note_file,
    };
    wtap_register_open_info(&watch, TRUE);
}

/* The packet provider of a session whose capture file was seen being opened, or NULL. */
static const struct packet_provider_data *
provider_of(const struct epan_session *session)
{
    struct session_head {
        const struct packet_provider_data *provider;
    };
    if (session == NULL)
        return NULL;
    const struct packet_provider_data *provider = ((const struct session_head *)session)->provider;
    if (provider == NULL || (uintptr_t)provider % _Alignof(struct packet_provider_data) != 0)
        return NULL;
    const wtap *wth = provider->wth;
    for (unsigned i = 0; wth != NULL && i < FILES; i++) {
        if (files[i] == wth)
            return provider;
    }
    return NULL;
}

bool
bblog_has_later_passes(const packet_info *pinfo)
{
    const struct packet_provider_data *provider = provider_of(pinfo->epan);
    /* tshark keeps no frames unless it is to look at them twice. */
    return provider == NULL || provider->frames != NULL;
}

static bblog_callback_bool
note_option(wtap_block_t block, unsigned id, wtap_opttype_e type, wtap_optval_t *value, void *user_data)
{
    bblog_option option = { 0 };
    (void)block;
    (void)user_data;
    if (id == OPT_SHB_OS && type == WTAP_OPTTYPE_STRING && value->stringval != NULL) {
        option.kind = BBLOG_OPTION_OS;
        option.data = (const uint8_t *)value->stringval;
        option.len = strlen(value->stringval);
        bblog_section_option(&option);
    } else if (bblog_option_from(id, type, value, &option))
        bblog_section_option(&option);
    return TRUE;
}

bblog_section
bblog_section_of(const packet_info *pinfo)
{
    const struct packet_provider_data *provider = provider_of(pinfo->epan);
    bblog_section section = { .file = provider == NULL ? NULL : provider->wth };
    if (pinfo->rec->presence_flags & WTAP_HAS_SECTION_NUMBER)
        section.number = pinfo->rec->section_number;
    return section;
}

void
bblog_section_collect(const packet_info *pinfo)
{
    const struct packet_provider_data *provider = provider_of(pinfo->epan);
    bblog_section section = bblog_section_of(pinfo);
    bblog_section_enter(&section);
    wtap_block_t header = provider == NULL ? NULL : wtap_file_get_shb(provider->wth, section.number);
    if (header != NULL)
        wtap_block_foreach_option(header, note_option, NULL);
}
