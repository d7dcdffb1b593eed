/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The dissectors: collect bytes, have them decoded, put the result into tree and columns.
 *
 * Every epan call that may throw comes after Rust has returned, and every offset is checked against
 * its bytes first.
 */
#include "internal.h"

#include <epan/address.h>
#include <epan/column-info.h>
#include <epan/column-utils.h>
#include <epan/exported_pdu.h>
#include <epan/prefs.h>
#include <epan/tap.h>
#include <epan/to_str.h>

/* The options of a record that are ours. */
struct found {
    bblog_option tcpinfo;
    bblog_option verbose;
    bblog_option event;
};

static bblog_callback_bool
find_option(wtap_block_t block, unsigned id, wtap_opttype_e type, wtap_optval_t *value, void *user_data)
{
    struct found *found = user_data;
    bblog_option option;
    (void)block;
    if (!bblog_option_from(id, type, value, &option) || option.data == NULL)
        return TRUE;
    if (option.kind == BBLOG_OPTION_FREEBSD) {
        /* The value is marked, since the PEN is not ours alone. */
        if (option.len >= 4 && memcmp(option.data, "ELOG", 4) == 0) {
            found->event = option;
            found->event.data += 4;
            found->event.len -= 4;
        }
    } else if (option.type == BBLOG_NETFLIX_TCPINFO) {
        found->tcpinfo = option;
    } else if (option.type == BBLOG_NETFLIX_VERBOSE) {
        found->verbose = option;
    }
    return TRUE;
}

/* Where items go. */
struct target {
    packet_info *pinfo;
    proto_tree *tree;
    tvbuff_t *tvbs[2];       /* by enum bblog_origin; NULL if there are none */
    bool visible;            /* the tree is shown, not only filtered by */
    const char *texts;
    bool has_stream;         /* bblog.stream is known */
    uint32_t stream;
    proto_item *top;         /* our top line, or NULL */
};

/* Whether a tap listener counts the records or events of a log. */
static bool
is_counted(int log)
{
    return have_tap_listener(bblog_taps[log]);
}

/* Whether a tap listener or a column takes expert infos, apart from the tree. */
static bool
is_watched(const packet_info *pinfo)
{
    static int expert = 0;
    if (expert == 0)
        expert = find_tap_id("expert");
    return (expert > 0 && have_tap_listener(expert)) || (pinfo->cinfo != NULL && pinfo->cinfo->col_first[COL_EXPERT] >= 0);
}

static bool
is_visible(proto_tree *tree)
{
    return tree != NULL && PTREE_DATA(tree)->visible;
}

static const char *
text_at(const struct target *target, uint32_t text)
{
    return text == BBLOG_NONE ? NULL : target->texts + text;
}

/* The built-in's items for the bits of a field. Those that are not set fold into one line, for people. */
static void
add_bits(proto_tree *tree, const bblog_item *item, tvbuff_t *tvb, bool visible)
{
    unsigned unset = 0;
    for (const int *hf = bblog_bits[item->field]; hf != NULL && *hf != 0; hf++) {
        proto_item *bit
            = proto_tree_add_boolean(tree, *hf, tvb, (int)item->offset, (int)item->length, item->number);
        if (visible && (item->number & proto_registrar_get_nth((unsigned)*hf)->bitmask) == 0) {
            proto_item_set_hidden(bit);
            unset++;
        }
    }
    if (unset > 0)
        proto_tree_add_subtree_format(tree, tvb, (int)item->offset, (int)item->length,
            bblog_ett[BBLOG_SUBTREE_NONE], NULL, unset == 1 ? "Not set: %u flag" : "Not set: %u flags", unset);
}

static double
bits_as_double(uint64_t bits)
{
    double number;
    memcpy(&number, &bits, sizeof(number));
    return number;
}

/* Adds an item that has a field, and gives it. NULL if there is nothing sensible to add. */
static proto_item *
add_field(const struct target *target, proto_tree *tree, const bblog_item *item, tvbuff_t *tvb, int offset, int length)
{
    const int hf = bblog_hf[item->field];
    const uint64_t number = item->number << bblog_shift[item->field];
    const char *text = text_at(target, item->text);

/* With our text where there is one, else as epan formats it. */
#define ADD(type, value) \
    (text != NULL ? proto_tree_add_##type##_format_value(tree, hf, tvb, offset, length, value, "%s", text) \
                  : proto_tree_add_##type(tree, hf, tvb, offset, length, value))

    switch (bblog_ft[item->field]) {
    case FT_UINT8:
    case FT_UINT16:
    case FT_UINT24:
    case FT_UINT32:
    case FT_FRAMENUM:
        return ADD(uint, (uint32_t)number);
    case FT_UINT40:
    case FT_UINT48:
    case FT_UINT56:
    case FT_UINT64:
        return ADD(uint64, number);
    case FT_INT8:
    case FT_INT16:
    case FT_INT24:
    case FT_INT32:
        return ADD(int, (int32_t)number);
    case FT_INT40:
    case FT_INT48:
    case FT_INT56:
    case FT_INT64:
        return ADD(int64, (int64_t)number);
    case FT_DOUBLE:
        return ADD(double, bits_as_double(item->number));
    case FT_BOOLEAN:
        return ADD(boolean, (uint64_t)(item->number != 0) << bblog_shift[item->field]);
    case FT_STRING:
        return text == NULL ? NULL : proto_tree_add_string(tree, hf, tvb, offset, length, text);
    case FT_IPv4:
        return length == 4 ? proto_tree_add_item(tree, hf, tvb, offset, length, ENC_BIG_ENDIAN) : NULL;
    case FT_IPv6:
        return length == 16 ? proto_tree_add_item(tree, hf, tvb, offset, length, ENC_NA) : NULL;
    case FT_BYTES:
        return proto_tree_add_item(tree, hf, tvb, offset, length, ENC_NA);
    default:
        return NULL;
    }
#undef ADD
}

static void
add_items(const struct target *target, const bblog_result *result)
{
    /* The tree that items of a depth go into. */
    proto_tree *trees[BBLOG_MAX_DEPTH + 1];
    for (size_t i = 0; i <= BBLOG_MAX_DEPTH; i++)
        trees[i] = target->tree;

    for (size_t i = 0; i < result->len; i++) {
        const bblog_item *item = &result->items[i];
        if (item->depth > BBLOG_MAX_DEPTH || item->origin > BBLOG_ORIGIN_VERBOSE)
            continue;
        proto_tree *tree = trees[item->depth];
        tvbuff_t *tvb = target->tvbs[item->origin];
        if (tvb == NULL)
            continue;
        uint32_t captured = tvb_captured_length(tvb);
        if (item->offset > captured || item->length > captured - item->offset)
            continue;

        proto_item *added = NULL;
        proto_tree *below = NULL;
        if (item->field == BBLOG_NONE) {
            if (target->visible && item->text != BBLOG_NONE && item->subtree < BBLOG_SUBTREES)
                below = proto_tree_add_subtree(tree, tvb, (int)item->offset, (int)item->length,
                    bblog_ett[item->subtree], &added, text_at(target, item->text));
        } else if (item->unset) {
            if (target->visible && item->text != BBLOG_NONE)
                proto_tree_add_subtree_format(tree, tvb, (int)item->offset, (int)item->length,
                    bblog_ett[BBLOG_SUBTREE_NONE], &added, "%s: %s", bblog_hfinfos[item->field]->name, text_at(target, item->text));
        } else if (item->hidden ? bblog_is_asked_for(bblog_hf[item->field]) || prefs.display_hidden_proto_items
                       : target->visible || proto_field_is_referenced(tree, bblog_hf[item->field])
                           || bblog_bits_asked_for(item->field)) {
            added = add_field(target, tree, item, tvb, (int)item->offset, (int)item->length);
            if (item->subtree != BBLOG_SUBTREE_NONE && item->subtree < BBLOG_SUBTREES)
                below = proto_item_add_subtree(added, bblog_ett[item->subtree]);
            if (below != NULL && item->subtree == BBLOG_SUBTREE_FLAGS)
                add_bits(below, item, tvb, target->visible);
        }
        if (added != NULL && item->hidden)
            proto_item_set_hidden(added);
        if (added != NULL && item->generated)
            proto_item_set_generated(added);
        if (item->depth < BBLOG_MAX_DEPTH)
            trees[item->depth + 1] = below != NULL ? below : tree;
    }
}

/* What of the items would be used at all: `values` is the protocol of the log, `common` that of the members
 * every record has, if those are to be shown here. */
static uint32_t
wanted(const packet_info *pinfo, proto_tree *tree, int values, int common)
{
    if (tree == NULL)
        return 0;
    bblog_note_asked(pinfo, tree);
    uint32_t want = BBLOG_WANT_TREE;
    if (is_visible(tree)) {
        if (bblog_is_asked_for(values) || prefs.display_hidden_proto_items)
            want |= BBLOG_WANT_RAW;
        if (bblog_pref_raw)
            want |= BBLOG_WANT_RAW | BBLOG_WANT_RAW_SHOWN;
        return want | (bblog_pref_relative ? BBLOG_WANT_RELATIVE : 0) | BBLOG_WANT_SUMMARY | BBLOG_WANT_VALUES | BBLOG_WANT_TEXT | BBLOG_WANT_EARLIER
            | (common != 0 ? BBLOG_WANT_COMMON : 0);
    }
    if (bblog_is_asked_for(bblog_hf[bblog_registry_get()->summary]))
        want |= BBLOG_WANT_SUMMARY;
    if (!bblog_others_asked_for())
        return want;
    if (bblog_is_asked_for(values))
        want |= BBLOG_WANT_VALUES;
    if (bblog_is_asked_for(bblog_proto_record))
        want |= BBLOG_WANT_EARLIER | BBLOG_WANT_RELATIVE;
    if (bblog_is_asked_for(common))
        want |= BBLOG_WANT_COMMON;
    return want;
}

/* The top line, event name and summary, and then the items. */
static void
add_tree(struct target *target, int protocol, const bblog_result *result)
{
    const bblog_registry *registry = bblog_registry_get();
    tvbuff_t *tvb = target->tvbs[BBLOG_ORIGIN_DATA];
    const char *name = text_at(target, result->name);
    const char *summary = text_at(target, result->summary);
    const char *provider = text_at(target, result->provider);

    if (protocol == bblog_proto_eventlog && bblog_proto_alias > 0)
        proto_item_set_hidden(proto_tree_add_item(target->tree, bblog_proto_alias, tvb, 0, -1, ENC_NA));
    proto_item *top = proto_tree_add_item(target->tree, protocol, tvb, 0, -1, ENC_NA);
    target->top = top;
    if (target->visible) {
        if (protocol == bblog_proto_record)
            proto_item_set_text(top, "BBLog");
        else
            proto_item_set_text(top, "EVENTLOG");
        if (provider != NULL)
            proto_item_append_text(top, ", %s", provider);
        if (name != NULL)
            proto_item_append_text(top, ", %s", name);
        if (summary != NULL)
            proto_item_append_text(top, ": %s", summary);
    }
    target->tree = proto_item_add_subtree(top, bblog_ett[BBLOG_SUBTREE_TOP]);

    if (name != NULL) {
        uint32_t captured = tvb_captured_length(tvb);
        if (result->name_offset <= captured && result->name_length <= captured - result->name_offset)
            proto_tree_add_string(target->tree, bblog_hf[registry->event], tvb, (int)result->name_offset,
                (int)result->name_length, name);
    }
    if (summary != NULL && (target->visible || bblog_is_asked_for(bblog_hf[registry->summary]))) {
        proto_item *item = proto_tree_add_string(target->tree, bblog_hf[registry->summary], tvb, 0, 0, summary);
        proto_item_set_generated(item);
    }
    if (target->has_stream && target->visible)
        bblog_note_stream(target->pinfo, target->stream);
    if (target->has_stream)
        proto_item_set_generated(
            proto_tree_add_uint(target->tree, bblog_hf[registry->stream], tvb, 0, 0, target->stream));
    add_items(target, result);
}

/* What the tree does not hold: expert infos and what statistics count. */
static void
add_infos_and_count(const struct target *target, int log, bool counted, const bblog_result *result)
{
    packet_info *pinfo = target->pinfo;
    for (size_t i = 0; i < result->alerts_len; i++) {
        const bblog_alert *alert = &result->alerts[i];
        expert_add_info_format(pinfo, target->top, &bblog_ei[alert->kind], "%s", text_at(target, alert->text));
    }
    if (!counted)
        return;
    /* Listeners run later, when Rust may have decoded something else. */
    const uint32_t texts[] = { result->name, log == BBLOG_PROTOCOL_RECORD ? result->stack : result->provider,
        result->timer, result->action, result->limit };
    const char *copies[G_N_ELEMENTS(texts)];
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        copies[i] = texts[i] == BBLOG_NONE ? NULL : wmem_strdup(pinfo->pool, text_at(target, texts[i]));
    const bblog_alert_kind *kinds = bblog_registry_get()->alerts;
    const char **errors = wmem_alloc_array(pinfo->pool, const char *, result->alerts_len + 1);
    size_t errors_len = 0;
    for (size_t i = 0; i < result->alerts_len; i++) {
        const bblog_alert_kind *kind = &kinds[result->alerts[i].kind];
        if (kind->severity >= BBLOG_SEVERITY_WARN || kind->group == BBLOG_GROUP_RESPONSE)
            errors[errors_len++] = kind->about;
    }
    bblog_tap_data *data = wmem_new(pinfo->pool, bblog_tap_data);
    *data = (bblog_tap_data) {
        .event = copies[0],
        .stack = copies[1],
        .timer = copies[2],
        .action = copies[3],
        .limit = copies[4],
        .elapsed = result->elapsed,
        .connection = bblog_connection_of(pinfo, target->has_stream, target->stream),
        .errors = errors,
        .errors_len = errors_len,
    };
    tap_queue_packet(bblog_taps[log], pinfo, data);
}

static void
set_endpoint(address *shown, address *net, const bblog_endpoint *endpoint)
{
    set_address(shown, endpoint->address_len == 4 ? AT_IPv4 : AT_IPv6, endpoint->address_len, endpoint->address);
    copy_address_shallow(net, shown);
}

/* A record shows the connection it belongs to: ours is the source. */
static void
set_connection(packet_info *pinfo, const bblog_result *result)
{
    if (result->local.address_len == 0 || result->foreign.address_len == 0)
        return;
    bblog_endpoint *ends = wmem_alloc_array(pinfo->pool, bblog_endpoint, 2);
    ends[0] = result->local;
    ends[1] = result->foreign;
    set_endpoint(&pinfo->src, &pinfo->net_src, &ends[0]);
    set_endpoint(&pinfo->dst, &pinfo->net_dst, &ends[1]);
    pinfo->ptype = PT_TCP;
    pinfo->srcport = result->local.port;
    pinfo->destport = result->foreign.port;
}

/* Option bytes as a tab of their own in the GUI's byte view. A copy: the block goes before the tree does. */
static tvbuff_t *
source_of(tvbuff_t *tvb, packet_info *pinfo, const bblog_option *option, const char *name)
{
    if (option->data == NULL || option->len == 0)
        return NULL;
    int len = (int)MIN(option->len, UINT16_MAX);
    const uint8_t *copy = wmem_memdup(pinfo->pool, option->data, (size_t)len);
    tvbuff_t *source = tvb_new_child_real_data(tvb, copy, (unsigned)len, len);
    add_new_data_source(pinfo, source, name);
    return source;
}

/* The Info column. Its text stays where it is as long as the packet does, so epan need not copy it into its
 * buffer of 4 KB. */
static void
set_info(packet_info *pinfo, const char *text)
{
    col_set_str(pinfo->cinfo, COL_INFO, wmem_strdup(pinfo->pool, text));
}

#if BBLOG_WS(4, 4)
/* The field `_ws.col.info` of a frame, or NULL. A tree that is not shown has it only if a filter or a column needs it. */
static field_info *
info_field(proto_tree *tree)
{
    static int columns = 0;
    static int info = 0;
    if (info == 0) {
        columns = proto_get_id_by_filter_name("_ws.col");
        info = proto_registrar_get_id_byname("_ws.col.info");
    }
    if (!is_visible(tree)) {
        const GPtrArray *made = bblog_is_asked_for(info) ? proto_get_finfo_ptr_array(tree, info) : NULL;
        return made == NULL || made->len == 0 ? NULL : g_ptr_array_index(made, 0);
    }
    for (proto_node *top = tree->first_child; top != NULL; top = top->next) {
        if (PNODE_FINFO(top) == NULL || PNODE_FINFO(top)->hfinfo->id != columns)
            continue;
        for (proto_node *column = top->first_child; column != NULL; column = column->next) {
            if (PNODE_FINFO(column) != NULL && PNODE_FINFO(column)->hfinfo->id == info)
                return PNODE_FINFO(column);
        }
    }
    return NULL;
}
#endif

/* From 4.4 on Wireshark makes fields of the columns, before it calls postdissectors: brings that of the Info column up to
 * date. */
static void
update_info_field(const packet_info *pinfo, proto_tree *tree)
{
#if BBLOG_WS(4, 4)
    field_info *field = tree == NULL || pinfo->cinfo == NULL ? NULL : info_field(tree);
    const char *text = field == NULL ? NULL : col_get_text(pinfo->cinfo, COL_INFO);
    if (text != NULL)
        fvalue_set_string(field->value, text);
#else
    (void)pinfo;
    (void)tree;
#endif
}

static bblog_request
request_for(packet_info *pinfo, int input, const bblog_option *data, const bblog_option *verbose)
{
    return (bblog_request) {
        .input = data->data == NULL ? BBLOG_INPUT_NOTHING : input,
        .want = bblog_pref_relative ? BBLOG_WANT_RELATIVE_TEXT : 0,
        .kernel = bblog_pref_kernel,
        .section = bblog_section_of(pinfo),
        .frame = pinfo->num,
        .first = !PINFO_FD_VISITED(pinfo),
        .data = data->data,
        .len = data->len,
        .verbose = verbose->data,
        .verbose_len = verbose->len,
    };
}

/* Decodes, once the facts of the section are collected. */
static void
decode(const packet_info *pinfo, const bblog_request *request, bblog_result *result)
{
    if (bblog_decode(request, result))
        return;
    bblog_section_collect(pinfo);
    bblog_decode(request, result);
}

/* What is asked for besides columns and items: alerts, what statistics count, and that the analysis sees the frame, whose
 * conclusions may be needed now or in a later pass. */
static uint32_t
wanted_beside(const packet_info *pinfo, proto_tree *tree, int log)
{
    bool counted = is_counted(log);
    bool asked = counted || is_watched(pinfo) || bblog_has_later_passes(pinfo);
    uint32_t want = counted ? BBLOG_WANT_COUNTED : 0;
    if (asked || tree != NULL)
        want |= BBLOG_WANT_ALERTS;
    if ((asked || is_visible(tree)) && !PINFO_FD_VISITED(pinfo))
        want |= BBLOG_WANT_FOLLOW;
    return want;
}

/* Whether the tree is to show bblog.stream. */
static bool
wants_stream(proto_tree *tree)
{
    return tree != NULL && (is_visible(tree) || bblog_is_asked_for(bblog_hf[bblog_registry_get()->stream]));
}

static struct target
target_for(packet_info *pinfo, proto_tree *tree, const bblog_result *result, bool packet, bool wants_stream)
{
    struct target target = { .pinfo = pinfo, .tree = tree, .visible = is_visible(tree), .texts = result->texts };
    if (wants_stream)
        target.has_stream = bblog_stream_of(pinfo, packet, result->flow, &target.stream);
    return target;
}

/* A record without a packet. In a custom block tvb is the TCPINFO, and the built-in dissector has shown the common
 * members; in a packet of a live stream the record is an option. */
static int
dissect_event(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const struct found *found, bool live)
{
    bool columns = pinfo->cinfo != NULL;
    bblog_request request = request_for(pinfo, BBLOG_INPUT_RECORD, &found->tcpinfo, &found->verbose);
    request.want |= wanted(pinfo, tree, bblog_proto_record, live ? bblog_proto_builtin : 0) | (columns ? BBLOG_WANT_SUMMARY : 0)
        | wanted_beside(pinfo, tree, BBLOG_PROTOCOL_RECORD) | BBLOG_WANT_FLOW;
    bblog_result result;
    decode(pinfo, &request, &result);

    set_connection(pinfo, &result);
    bool counted = (request.want & BBLOG_WANT_COUNTED) != 0;
    struct target target
        = target_for(pinfo, tree, &result, false, wants_stream(tree) || result.new_conversation || counted);
    if (columns && result.summary != BBLOG_NONE) {
        /* The built-in dissector has named a block's protocol. */
        if (live)
            col_set_str(pinfo->cinfo, COL_PROTOCOL, "BBLog");
        set_info(pinfo, text_at(&target, result.summary));
        update_info_field(pinfo, tree);
    }
    if (tree != NULL) {
        target.tvbs[BBLOG_ORIGIN_DATA] = live ? source_of(tvb, pinfo, &found->tcpinfo, "BBLog") : tvb;
        target.tvbs[BBLOG_ORIGIN_VERBOSE] = source_of(tvb, pinfo, &found->verbose, "BBLog verbose");
        if (target.tvbs[BBLOG_ORIGIN_DATA] != NULL)
            add_tree(&target, bblog_proto_record, &result);
        /* Before the built-in's tree, below the frame's. */
        if (target.visible && result.name != BBLOG_NONE && target.top != NULL && tree->first_child != NULL && tree->first_child != target.top)
            proto_tree_move_item(tree, tree->first_child, target.top);
    }
    add_infos_and_count(&target, BBLOG_PROTOCOL_RECORD, counted, &result);
    return (int)tvb_captured_length(tvb);
}

/* Bits of a request that alone need no decoding. */
#define UNSHOWN (BBLOG_WANT_TREE | BBLOG_WANT_RELATIVE_TEXT)

/* What a packet's own record or event is decoded for, and the rest of it. `protocol` is that of the log. */
static void
dissect_packet(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, const struct found *found, int log)
{
    bool record = log == BBLOG_PROTOCOL_RECORD;
    int protocol = record ? bblog_proto_record : bblog_proto_eventlog;
    bblog_request request = request_for(pinfo, record ? BBLOG_INPUT_RECORD : BBLOG_INPUT_EVENTLOG,
        record ? &found->tcpinfo : &found->event, &found->verbose);
    request.want |= wanted(pinfo, tree, protocol, record ? bblog_proto_builtin : 0);
    /* bblog.event is a field of records, for both logs. */
    bool asked = bblog_is_asked_for(bblog_proto_record) || bblog_is_asked_for(protocol) || (!record && bblog_is_asked_for(bblog_proto_alias));
    bool shown = (request.want & ~UNSHOWN) != 0 || (tree != NULL && asked);
    if (pinfo->cinfo != NULL && bblog_pref_info != BBLOG_INFO_TCP)
        request.want |= bblog_pref_info == BBLOG_INFO_LINE ? BBLOG_WANT_SUMMARY : BBLOG_WANT_STATE;
    request.want |= wanted_beside(pinfo, tree, log);
    if (!shown && (request.want & ~UNSHOWN) == 0 && !request.first)
        return;
    bool counted = (request.want & BBLOG_WANT_COUNTED) != 0;
    request.packet_len = tvb_captured_length(tvb);
    request.packet = request.packet_len == 0 ? NULL : tvb_get_ptr(tvb, 0, (int)request.packet_len);
    bblog_result result;
    decode(pinfo, &request, &result);

    struct target target = target_for(pinfo, tree, &result, true, (shown && wants_stream(tree)) || counted);
    if (pinfo->cinfo != NULL && bblog_pref_info == BBLOG_INFO_LINE && result.summary != BBLOG_NONE) {
        /* TCP's dissector guesses what the stack says: a retransmission looks like a segment out of order, too. */
        if (result.resent)
            col_clear_fence(pinfo->cinfo, COL_INFO);
        set_info(pinfo, text_at(&target, result.summary));
    }
    if (pinfo->cinfo != NULL && bblog_pref_info == BBLOG_INFO_STATE && result.state != BBLOG_NONE)
        col_append_fstr(pinfo->cinfo, COL_INFO, " %s", text_at(&target, result.state));
    update_info_field(pinfo, tree);
    if (shown) {
        target.tvbs[BBLOG_ORIGIN_DATA] = record ? source_of(tvb, pinfo, &found->tcpinfo, "BBLog")
                                                : source_of(tvb, pinfo, &found->event, "EVENTLOG");
        target.tvbs[BBLOG_ORIGIN_VERBOSE] = source_of(tvb, pinfo, &found->verbose, "BBLog verbose");
        if (target.tvbs[BBLOG_ORIGIN_DATA] != NULL)
            add_tree(&target, protocol, &result);
    }
    add_infos_and_count(&target, log, counted, &result);
}

/* Whether the user has left our protocol enabled. */
static bool
is_enabled(void)
{
    static const protocol_t *protocol = NULL;
    if (protocol == NULL)
        protocol = find_protocol_by_id(bblog_proto_record);
    return proto_is_protocol_enabled(protocol);
}

int
bblog_postdissect(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    (void)data;
    const wtap_rec *rec = pinfo->rec;
    bool block = rec->rec_type == REC_TYPE_CUSTOM_BLOCK;
    if (rec->block == NULL || !is_enabled())
        return 0;

    struct found found = { 0 };
    wtap_block_foreach_option(rec->block, find_option, &found);
    if (block) {
        if (rec->rec_header.custom_block_header.pen != BBLOG_PEN_NETFLIX)
            return 0;
        return dissect_event(tvb, pinfo, tree, &found, false);
    }
    if (found.tcpinfo.data != NULL && rec->rec_header.packet_header.pkt_encap == WTAP_ENCAP_WIRESHARK_UPPER_PDU)
        return dissect_event(tvb, pinfo, tree, &found, true);
    if (found.tcpinfo.data != NULL)
        dissect_packet(tvb, pinfo, tree, &found, BBLOG_PROTOCOL_RECORD);
    if (found.event.data != NULL)
        dissect_packet(tvb, pinfo, tree, &found, BBLOG_PROTOCOL_EVENTLOG);
    return found.tcpinfo.data != NULL || found.event.data != NULL ? (int)tvb_captured_length(tvb) : 0;
}

int
bblog_dissect_live(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    (void)pinfo;
    (void)tree;
    (void)data;
    /* The record is an option, which the postdissector finds. */
    return (int)tvb_captured_length(tvb);
}

int
bblog_dissect_eventlog(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    (void)data;
    unsigned len = tvb_captured_length(tvb);
    bool columns = pinfo->cinfo != NULL;
    const bblog_option event = { .data = len == 0 ? (const uint8_t *)"" : tvb_get_ptr(tvb, 0, (int)len), .len = len };
    const bblog_option verbose = { 0 };
    bblog_request request = request_for(pinfo, BBLOG_INPUT_EVENTLOG, &event, &verbose);
    request.want |= wanted(pinfo, tree, bblog_proto_eventlog, 0) | (columns ? BBLOG_WANT_SUMMARY : 0)
        | wanted_beside(pinfo, tree, BBLOG_PROTOCOL_EVENTLOG)
        | (pinfo->ptype != PT_TCP ? BBLOG_WANT_FLOW : 0);
    bblog_result result;
    decode(pinfo, &request, &result);

    bool counted = (request.want & BBLOG_WANT_COUNTED) != 0;
    struct target target
        = target_for(pinfo, tree, &result, false, wants_stream(tree) || result.new_conversation || counted);
    if (columns) {
        col_set_str(pinfo->cinfo, COL_PROTOCOL, "EVENTLOG");
        const char *info = text_at(&target, result.summary != BBLOG_NONE ? result.summary : result.problem);
        if (info != NULL)
            set_info(pinfo, info);
    }
    if (tree != NULL) {
        target.tvbs[BBLOG_ORIGIN_DATA] = tvb;
        add_tree(&target, bblog_proto_eventlog, &result);
    }
    add_infos_and_count(&target, BBLOG_PROTOCOL_EVENTLOG, counted, &result);
    return (int)len;
}
