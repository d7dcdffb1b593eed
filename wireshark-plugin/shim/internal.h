/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the C files of the shim share with each other. */
#ifndef BBLOG_INTERNAL_H
#define BBLOG_INTERNAL_H

#include "compat.h"

#include <epan/packet.h>

/* register.c */

/* Ids that epan gave to our fields, by index in the registry. */
extern int *bblog_hf;
/* Their types as epan knows them: a shared field has Wireshark's type. */
extern enum ftenum *bblog_ft;
/* How far epan shifts a value right before it shows it: a shared field may be a part of an integer. */
extern uint8_t *bblog_shift;
/* Subtrees, by enum bblog_subtree. */
extern int bblog_ett[BBLOG_SUBTREES];
/* Our two protocols, and Wireshark's own `bblog` (-1 if it has none). */
extern int bblog_proto_record;
extern int bblog_proto_eventlog;
extern int bblog_proto_builtin;
/* Whoever has the name `eventlog`, or -1. */
extern int bblog_proto_alias;
/* The preferences: enum bblog_kernel; whether raw members are shown. */
extern int bblog_pref_kernel;
extern bblog_pref_bool bblog_pref_raw;
/* For each field of the registry the built-in's bits of it, ended by 0; or NULL. */
extern int **bblog_bits;

/* section.c */

/* Sees every capture file that is opened. To be called once wiretap is up. */
void bblog_watch_files(void);
/* The section of the packet, its facts collected. */
bblog_section bblog_section_of(const packet_info *pinfo);

/* dissect.c */

/* Called for every packet and every custom block. */
int bblog_postdissect(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data);
/* Called for exported PDUs that name `eventlog`. */
int bblog_dissect_eventlog(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data);

#endif
