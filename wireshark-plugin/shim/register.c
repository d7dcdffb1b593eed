/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Registration: protocols, fields, subtrees, dissectors, preferences. */
#include "internal.h"

#include <epan/prefs.h>
#include <wsutil/filesystem.h>
#include <wsutil/report_message.h>

int *bblog_hf;
enum ftenum *bblog_ft;
uint8_t *bblog_shift;
int bblog_ett[BBLOG_SUBTREES];
int bblog_proto_record = -1;
int bblog_proto_eventlog = -1;
int bblog_proto_builtin = -1;
int bblog_proto_alias = -1;
int bblog_pref_kernel = BBLOG_KERNEL_AUTOMATIC;
bblog_pref_bool bblog_pref_raw = FALSE;
bblog_pref_bool bblog_pref_relative = TRUE;
int bblog_pref_info = BBLOG_INFO_LINE;
const char *bblog_pref_program = "";
expert_field *bblog_ei;
int **bblog_bits;
const header_field_info **bblog_hfinfos;
uint32_t bblog_hfinfos_len;
/* Read by Rust from the file of preferences, before epan does. */
static const char *pref_schemas = "";
static const char *pref_stacks = "";

/* Kept for ever. Nothing else points to them once epan is gone, and tools that look for leaks would report
 * them as lost. */
#define KEPT __attribute__((used))
static hf_register_info *field_infos KEPT;
static ei_register_info *alert_infos KEPT;
static const char *const *schema_faults KEPT;

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
    if (field->type == FT_FRAMENUM)
        info->hfinfo.strings = FRAMENUM_TYPE(field->frame);
    if (field->names_len > 0) {
        bool wide = field->type == FT_UINT64 || field->type == FT_INT64;
        info->hfinfo.strings = wide ? names64(field) : names32(field);
        if (wide)
            info->hfinfo.display |= BASE_VAL64_STRING;
    }
    proto_register_field_array(
        field->protocol == BBLOG_PROTOCOL_EVENTLOG ? bblog_proto_eventlog : bblog_proto_record, info, 1);
}

/* The built-in's fields for the bits of a field: those called like it, with something after it. */
static int *
bits_of(const char *abbrev)
{
    int *bits = NULL;
    size_t count = 0;
    size_t len = strlen(abbrev);
    void *cookie;
    if (bblog_proto_builtin <= 0)
        return NULL;
    for (const header_field_info *field = proto_get_first_protocol_field(bblog_proto_builtin, &cookie);
         field != NULL; field = proto_get_next_protocol_field(bblog_proto_builtin, &cookie)) {
        if (field->type != FT_BOOLEAN || field->bitmask == 0 || strncmp(field->abbrev, abbrev, len) != 0
            || field->abbrev[len] != '_')
            continue;
        bits = g_renew(int, bits, count + 2);
        bits[count++] = field->id;
        bits[count] = 0;
    }
    return bits;
}

/* The built-in dissectors have registered by now: plugins come after them. */
static void
register_fields(void)
{
    const bblog_registry *registry = bblog_registry_get();
    /* Kept for ever: epan keeps pointers into all of it. */
    hf_register_info *infos = field_infos = g_new0(hf_register_info, registry->len);
    bblog_hf = g_new(int, registry->len);
    bblog_ft = g_new(enum ftenum, registry->len);
    bblog_shift = g_new(uint8_t, registry->len);
    bblog_bits = g_new0(int *, registry->len);
    bblog_hfinfos = g_new0(const header_field_info *, registry->len);
    for (size_t i = 0; i < registry->len; i++) {
        const bblog_field *field = &registry->fields[i];
        bblog_hf[i] = field->shared ? proto_registrar_get_id_byname(field->abbrev) : -1;
        if (bblog_hf[i] <= 0) {
            bblog_hf[i] = -1;
            register_field(field, &bblog_hf[i], &infos[i]);
        } else if (field->flags) {
            bblog_bits[i] = bits_of(field->abbrev);
        }
        const header_field_info *known = proto_registrar_get_nth((unsigned)bblog_hf[i]);
        bblog_hfinfos[i] = known;
        bblog_ft[i] = known->type;
        bblog_shift[i] = known->bitmask == 0 ? 0 : (uint8_t)__builtin_ctzll(known->bitmask);
    }
    bblog_hfinfos_len = (uint32_t)registry->len;
}

static void
register_alerts(void)
{
    static const int severities[] = { PI_CHAT, PI_NOTE, PI_WARN, PI_ERROR };
    static const int groups[] = { PI_SEQUENCE, PI_RESPONSE_CODE, PI_PROTOCOL, PI_UNDECODED, PI_MALFORMED };
    const bblog_registry *registry = bblog_registry_get();
    /* Kept for ever, as fields are. */
    ei_register_info *infos = alert_infos = g_new0(ei_register_info, registry->alerts_len);
    bblog_ei = g_new0(expert_field, registry->alerts_len);
    expert_module_t *module = expert_register_protocol(bblog_proto_record);
    for (size_t i = 0; i < registry->alerts_len; i++) {
        const bblog_alert_kind *kind = &registry->alerts[i];
        const expert_field unregistered = EI_INIT;
        const ei_register_info info
            = { &bblog_ei[i], { kind->abbrev, groups[kind->group], severities[kind->severity], kind->about, EXPFILL } };
        bblog_ei[i] = unregistered;
        infos[i] = info;
    }
    expert_register_field_array(module, infos, (int)registry->alerts_len);
}

/* Reads the user's schemas, whose fields are registered with all others: therefore before epan has read
 * its preferences. */
static void
load_schemas(void)
{
    char *path = get_persconffile_path("preferences", TRUE);
    schema_faults = bblog_schemas_load(path);
    for (const char *const *fault = schema_faults; *fault != NULL; fault++)
        report_warning("%s", *fault);
    g_free(path);
}

static void
apply_preferences(void)
{
    bblog_stacks_assume(pref_stacks);
}

static void
register_preferences(void)
{
    static const enum_val_t kernels[] = {
        { "automatic", "What the capture says, or else the newest", BBLOG_KERNEL_AUTOMATIC },
        { "main", "Newest (FreeBSD 15 and main)", BBLOG_KERNEL_MAIN },
        { "14", "FreeBSD 14", BBLOG_KERNEL_14 },
        { "13", "FreeBSD 13", BBLOG_KERNEL_13 },
        { NULL, NULL, 0 },
    };
    static const enum_val_t infos[] = {
        { "line", "The line of bblog show", BBLOG_INFO_LINE },
        { "tcp", "TCP's own", BBLOG_INFO_TCP },
        { "tcp_state", "TCP's own, congestion window and flight", BBLOG_INFO_STATE },
        { NULL, NULL, 0 },
    };
    module_t *record = prefs_register_protocol(bblog_proto_record, apply_preferences);
    prefs_register_enum_preference(record, "kernel", "Kernel that wrote the log",
        "A few event numbers and values changed their meaning between FreeBSD releases, without a new log version.",
        &bblog_pref_kernel, kernels, FALSE);
    prefs_register_string_preference(record, "stacks", "Names of TCP stacks",
        "Names of stacks by their numbers, 1=freebsd,2=rack,3=bbr (sysctl net.inet.tcp.function_info on the machine that "
        "logged). They are needed where the capture does not have them and its records do not prove them.",
        &pref_stacks);
    prefs_register_bool_preference(record, "raw", "Show raw members",
        "Show the members of the event as they are, flex1 and so on, whatever they mean. "
        "Filters find them in either case.",
        &bblog_pref_raw);
    prefs_register_bool_preference(record, "relative", "Show relative sequence numbers",
        "Show sequence numbers in texts relative to the connection's first one, as TCP's dissector does, and relative values "
        "in the tree.", &bblog_pref_relative);
    prefs_register_enum_preference(record, "info", "Info column of packets",
        "What the Info column says of a packet that a record describes: the line that bblog show prints, with cwnd, flight "
        "and the cause of a retransmission, or what TCP's dissector says.",
        &bblog_pref_info, infos, FALSE);
    prefs_register_filename_preference(record, "program", "Program bblog",
        "The program that makes the pages of Tools > BBLog. Empty: the bblog that the search path has.",
        &bblog_pref_program, FALSE);

    module_t *eventlog = prefs_register_protocol(bblog_proto_eventlog, NULL);
    prefs_register_string_preference(eventlog, "schemas", "Schema files",
        "Files that describe providers of the event log, separated by colons; each replaces what is built in for "
        "its provider. They are read when the program starts: a change needs a restart. "
        "The environment variable BBLOG_SCHEMAS names more of them.",
        &pref_schemas);
}

static void
register_protocols(void)
{
    load_schemas();
    bblog_proto_builtin = proto_get_id_by_filter_name("bblog");
    /* epan takes no name twice, and Wireshark's own BBLog is there. */
    bblog_proto_record = proto_register_protocol("FreeBSD TCP BlackBox Log (BBLog)", "BBLog (FreeBSD)", "bblog-record");
    /* The name `eventlog` belongs to Windows' remote event log; a second protocol of that name would end
     * the program. Ours has another, and wears that one as well, so that the filter `eventlog` finds it. */
    bblog_proto_alias = proto_get_id_by_filter_name("eventlog");
    bblog_proto_eventlog
        = proto_register_protocol("FreeBSD Event Log (EVENTLOG)", "EVENTLOG (FreeBSD)", "eventlog-record");
    register_fields();
    register_alerts();
    bblog_register_stats();

    static int *etts[BBLOG_SUBTREES];
    for (int i = 0; i < BBLOG_SUBTREES; i++) {
        bblog_ett[i] = -1;
        etts[i] = &bblog_ett[i];
    }
    proto_register_subtree_array(etts, BBLOG_SUBTREES);

    register_preferences();
    bblog_register_conversation_filter();
    bblog_register_menu();

    register_dissector("eventlog", bblog_dissect_eventlog, bblog_proto_eventlog);
    register_dissector("bblog-live", bblog_dissect_live, bblog_proto_record);
    /* Without a protocol: epan would make a layer of each frame for one, which nothing shows. */
    register_postdissector(create_dissector_handle(bblog_postdissect, -1));
    register_init_routine(bblog_frames_clear);
    register_init_routine(bblog_forget_asked);
    register_cleanup_routine(bblog_frames_clear);
    bblog_watch_files();
}

void
bblog_shim_register(void)
{
    static proto_plugin plugin = { .register_protoinfo = register_protocols };
    proto_register_plugin(&plugin);
}
