/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Declarations that the C files of the shim share. */
#ifndef BBLOG_INTERNAL_H
#define BBLOG_INTERNAL_H

#include "compat.h"

#include <epan/expert.h>
#include <epan/packet.h>

/* register.c */

/* Ids that epan gave to our fields, by index in the registry. */
extern int *bblog_hf;
/* Their types as epan knows them: a shared field has Wireshark's type. */
extern enum ftenum *bblog_ft;
/* The registry's fields as epan has them, and how many have been registered. */
extern const header_field_info **bblog_hfinfos;
extern uint32_t bblog_hfinfos_len;
/* How far epan shifts a value right before it shows it: a shared field may be a part of an integer. */
extern uint8_t *bblog_shift;
/* Subtrees, by enum bblog_subtree. */
extern int bblog_ett[BBLOG_SUBTREES];
/* Our two protocols, and Wireshark's own `bblog` (-1 if it has none). */
extern int bblog_proto_record;
extern int bblog_proto_eventlog;
extern int bblog_proto_builtin;
/* The protocol with the name `eventlog`, or -1. */
extern int bblog_proto_alias;
/* The preferences: enum bblog_kernel; whether raw members are shown. */
extern int bblog_pref_kernel;
extern bblog_pref_bool bblog_pref_raw;
/* Whether sequence numbers relative to the first one are shown; what the Info column says of packets. */
extern bblog_pref_bool bblog_pref_relative;
extern int bblog_pref_info;
/* The program `bblog`, or an empty text: that of PATH. */
extern const char *bblog_pref_program;
enum bblog_info {
    BBLOG_INFO_LINE,         /* our line */
    BBLOG_INFO_TCP,          /* what TCP's dissector says */
    BBLOG_INFO_STATE,        /* that, with cwnd and flight */
};
/* Expert informations, by index in the registry. */
extern expert_field *bblog_ei;
/* For each field of the registry the built-in's bits of it, ended by 0; or NULL. */
extern int **bblog_bits;

/* stats.c */

/* What a tap passes to its listeners for one record or event. Any text may be NULL. */
typedef struct bblog_tap_data {
    const char *event;
    const char *stack;       /* or the provider */
    const char *timer;
    const char *action;
    const char *limit;       /* what limited the connection since its record before */
    uint64_t elapsed;        /* and how long, microseconds */
    const char *connection;
    const char *const *errors;
    size_t errors_len;
} bblog_tap_data;

/* The taps, by enum bblog_protocol. */
extern int bblog_taps[2];
void bblog_register_stats(void);

/* menu.c */

void bblog_register_menu(void);

/* stream.c */

/* Whether a frame's addresses and ports are those of a TCP connection. */
bool bblog_has_endpoints(const packet_info *pinfo);
/* Whether bblog.stream is known of this frame, and its value. `flow` stands in for connections that are not
 * known. */
bool bblog_stream_of(packet_info *pinfo, bool packet, uint32_t flow, uint32_t *stream);
/* Keeps the value of bblog.stream for the conversation filter, as long as the packet is looked at. */
void bblog_note_stream(packet_info *pinfo, uint32_t stream);
/* Registers the conversation filter of events: Conversation Filter and Colorize Conversation. */
void bblog_register_conversation_filter(void);
/* The connection as statistics name it, or NULL. In the packet's memory. */
const char *bblog_connection_of(packet_info *pinfo, bool known, uint32_t stream);

/* section.c */

/* Sees every capture file that is opened. To be called once wiretap is up. */
void bblog_watch_files(void);
/* Whether frames may be dissected again after the first pass: false in tshark without -2. */
bool bblog_has_later_passes(const packet_info *pinfo);
/* The section of the packet. */
bblog_section bblog_section_of(const packet_info *pinfo);
/* Collects the facts of the packet's section. */
void bblog_section_collect(const packet_info *pinfo);

/* asked.c */

/* Whether a filter, a column or a statistic needs the field, or one of the protocol, with this id. */
bool bblog_is_asked_for(int hf);
/* Whether one of the bits of a field of the registry is needed. */
bool bblog_bits_asked_for(uint32_t field);
/* To be called for each frame before the functions below are. */
void bblog_note_asked(const packet_info *pinfo, const proto_tree *tree);
/* Another capture may need other fields. */
void bblog_forget_asked(void);
/* Whether fields may be needed beside bblog.event, bblog.summary and bblog.stream. */
bool bblog_others_asked_for(void);

/* dissect.c */

/* Called for every packet and every custom block. */
int bblog_postdissect(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data);
/* Called for exported PDUs that name `bblog-live`: records of live streams. */
int bblog_dissect_live(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data);
/* Called for exported PDUs that name `eventlog`. */
int bblog_dissect_eventlog(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data);

#endif
