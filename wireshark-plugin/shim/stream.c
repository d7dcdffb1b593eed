/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One number for the events and the packets of a connection.
 *
 * It is Wireshark's own number, tcp.stream. A record opens its connection's conversation as a packet would: so
 * a connection that no packet was captured of has a number too, the first packet that comes later finds it, and
 * no number stands for two connections. Events whose connection is not known are numbered by section or
 * session, from 2^31 on, where tcp.stream never gets to.
 */
#include "internal.h"

#include <epan/conversation.h>
#include <epan/conversation_filter.h>
#include <epan/dissectors/packet-tcp.h>
#include <epan/proto_data.h>
#include <epan/to_str.h>

#define UNKNOWN_CONNECTIONS 0x80000000U

bool
bblog_has_endpoints(const packet_info *pinfo)
{
    return pinfo->ptype == PT_TCP && (pinfo->src.type == AT_IPv4 || pinfo->src.type == AT_IPv6)
        && pinfo->dst.type == pinfo->src.type;
}

bool
bblog_stream_of(packet_info *pinfo, bool packet, uint32_t flow, uint32_t *stream)
{
    static int proto_tcp = -1;
    if (proto_tcp <= 0)
        proto_tcp = proto_get_id_by_filter_name("tcp");

    if (!bblog_has_endpoints(pinfo)) {
        *stream = UNKNOWN_CONNECTIONS | flow;
        return !packet && flow != BBLOG_NONE;
    }
    conversation_t *conversation = find_conversation_pinfo(pinfo, 0);
    /* Of packets it is for the dissector of TCP to open one. */
    if (conversation == NULL && !packet && !PINFO_FD_VISITED(pinfo))
        conversation = find_or_create_conversation(pinfo);
    if (conversation == NULL)
        return false;
    const struct tcp_analysis *tcp = conversation_get_proto_data(conversation, proto_tcp);
    if (tcp == NULL && !packet && !PINFO_FD_VISITED(pinfo))
        tcp = get_tcp_conversation_data(conversation, pinfo);
    if (tcp == NULL)
        return false;
    *stream = tcp->stream;
    return true;
}

void
bblog_note_stream(packet_info *pinfo, uint32_t stream)
{
    p_add_proto_data(pinfo->pool, pinfo, bblog_proto_record, 0, GUINT_TO_POINTER(stream + 1));
}

static bblog_callback_bool
has_filter(packet_info *pinfo BBLOG_FILTER_DATA)
{
    return p_get_proto_data(pinfo->pool, pinfo, bblog_proto_record, 0) != NULL;
}

static char *
build_filter(packet_info *pinfo BBLOG_FILTER_DATA)
{
    unsigned stream = GPOINTER_TO_UINT(p_get_proto_data(pinfo->pool, pinfo, bblog_proto_record, 0));
    return stream == 0 ? NULL : g_strdup_printf("bblog.stream == %u", stream - 1);
}

void
bblog_register_conversation_filter(void)
{
    bblog_add_conversation_filter("bblog-record", "BBLog", has_filter, build_filter);
}

const char *
bblog_connection_of(packet_info *pinfo, bool known, uint32_t stream)
{
    if (!known)
        return NULL;
    if (!bblog_has_endpoints(pinfo))
        return wmem_strdup_printf(pinfo->pool, "flow %u", stream & ~UNKNOWN_CONNECTIONS);
    /* The same text for both directions. */
    int order = cmp_address(&pinfo->src, &pinfo->dst);
    bool swapped = order > 0 || (order == 0 && pinfo->srcport > pinfo->destport);
    const address *one = swapped ? &pinfo->dst : &pinfo->src;
    const address *other = swapped ? &pinfo->src : &pinfo->dst;
    return wmem_strdup_printf(pinfo->pool, "stream %u, %s port %u and %s port %u", stream,
        address_to_str(pinfo->pool, one), swapped ? pinfo->destport : pinfo->srcport,
        address_to_str(pinfo->pool, other), swapped ? pinfo->srcport : pinfo->destport);
}
