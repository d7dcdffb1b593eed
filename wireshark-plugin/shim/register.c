/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Registration: protocols, fields, subtrees, dissectors, the preference. */
#include "internal.h"

#include <epan/prefs.h>

int *bblog_hf;
enum ftenum *bblog_ft;
uint8_t *bblog_shift;
int bblog_ett[BBLOG_SUBTREES];
int bblog_proto_record = -1;
int bblog_proto_eventlog = -1;
int bblog_proto_builtin = -1;
int bblog_proto_alias = -1;
int bblog_pref_kernel = BBLOG_KERNEL_MAIN;

/* Names of a 64-bit field. */
static const void *
names64(const bblog_field *field)
{
    val64_string *names = g_new0(val64_string, field->names_len + 1);
    for (size_t i = 0; i < field->names_len; i++) {
        names[i].value = field->names[i].value;
        names[i].strptr = field->names[i].text;
    }
    return VALS64(names);
}

/* Names of a field of at most 32 bits. */
static const void *
names32(const bblog_field *field)
{
    value_string *names = g_new0(value_string, field->names_len + 1);
    for (size_t i = 0; i < field->names_len; i++) {
        names[i].value = (uint32_t)field->names[i].value;
        names[i].strptr = field->names[i].text;
    }
    return VALS(names);
}

static void
register_field(const bblog_field *field, int *id, hf_register_info *info)
{
    const hf_register_info registration = { id,
        { field->name, field->abbrev, (enum ftenum)field->type, field->display, NULL, 0, field->blurb, HFILL } };
    *info = registration;
    if (field->names_len > 0) {
        bool wide = field->type == FT_UINT64 || field->type == FT_INT64;
        info->hfinfo.strings = wide ? names64(field) : names32(field);
        if (wide)
            info->hfinfo.display |= BASE_VAL64_STRING;
    }
    proto_register_field_array(
        field->protocol == BBLOG_PROTOCOL_EVENTLOG ? bblog_proto_eventlog : bblog_proto_record, info, 1);
}

/* The built-in dissectors have registered by now: plugins come after them. */
static void
register_fields(void)
{
    const bblog_registry *registry = bblog_registry_get();
    /* Kept for ever: epan keeps pointers into all of it. */
    hf_register_info *infos = g_new0(hf_register_info, registry->len);
    bblog_hf = g_new(int, registry->len);
    bblog_ft = g_new(enum ftenum, registry->len);
    bblog_shift = g_new(uint8_t, registry->len);
    for (size_t i = 0; i < registry->len; i++) {
        const bblog_field *field = &registry->fields[i];
        bblog_hf[i] = field->shared ? proto_registrar_get_id_byname(field->abbrev) : -1;
        if (bblog_hf[i] <= 0) {
            bblog_hf[i] = -1;
            register_field(field, &bblog_hf[i], &infos[i]);
        }
        const header_field_info *known = proto_registrar_get_nth((unsigned)bblog_hf[i]);
        bblog_ft[i] = known->type;
        bblog_shift[i] = known->bitmask == 0 ? 0 : (uint8_t)__builtin_ctzll(known->bitmask);
    }
}

static void
register_protocols(void)
{
    bblog_proto_builtin = proto_get_id_by_filter_name("bblog");
    bblog_proto_record = proto_register_protocol("FreeBSD TCP BlackBox Log record", "BBLog record", "bblog-record");
    /* The name `eventlog` belongs to Windows' remote event log; a second protocol of that name would end
     * the program. Ours has another, and wears that one as well, so that the filter `eventlog` finds it. */
    bblog_proto_alias = proto_get_id_by_filter_name("eventlog");
    bblog_proto_eventlog
        = proto_register_protocol("FreeBSD Event Log event", "FreeBSD Event Log", "eventlog-record");
    register_fields();

    static int *etts[BBLOG_SUBTREES];
    for (int i = 0; i < BBLOG_SUBTREES; i++) {
        bblog_ett[i] = -1;
        etts[i] = &bblog_ett[i];
    }
    proto_register_subtree_array(etts, BBLOG_SUBTREES);

    static const enum_val_t kernels[] = {
        { "main", "Newest (FreeBSD 15 and main)", BBLOG_KERNEL_MAIN },
        { "14", "FreeBSD 14", BBLOG_KERNEL_14 },
        { "13", "FreeBSD 13", BBLOG_KERNEL_13 },
        { NULL, NULL, 0 },
    };
    module_t *preferences = prefs_register_protocol(bblog_proto_record, NULL);
    prefs_register_enum_preference(preferences, "kernel", "Kernel that wrote the log",
        "A few event numbers and values changed their meaning between FreeBSD releases, without a new log version.",
        &bblog_pref_kernel, kernels, FALSE);

    register_dissector("eventlog", bblog_dissect_eventlog, bblog_proto_eventlog);
    register_postdissector(
        register_dissector("bblog-record", bblog_postdissect, bblog_proto_record));
    register_init_routine(bblog_sections_clear);
    register_cleanup_routine(bblog_sections_clear);
    bblog_watch_files();
}

void
bblog_shim_register(void)
{
    static proto_plugin plugin = { .register_protoinfo = register_protocols };
    proto_register_plugin(&plugin);
}
