/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The differences between Wireshark 4.0, 4.2, 4.4 and 4.6. They are in this file only.
 */
#ifndef BBLOG_COMPAT_H
#define BBLOG_COMPAT_H

#include <wireshark.h>
#include <ws_version.h>

#include <wiretap/wtap.h>
#include <wiretap/wtap_opttypes.h>

#include "shim.h"

#define BBLOG_WS(major, minor) \
    (WIRESHARK_VERSION_MAJOR > (major) || (WIRESHARK_VERSION_MAJOR == (major) && WIRESHARK_VERSION_MINOR >= (minor)))

/* GLib's gboolean became C's bool in 4.4, and with it what callbacks return and preferences
 * are. */
#if BBLOG_WS(4, 4)
typedef bool bblog_callback_bool;
typedef bool bblog_pref_bool;
#else
typedef gboolean bblog_callback_bool;
typedef gboolean bblog_pref_bool;
#endif

/* Callbacks of conversation filters take data of the user's from 4.4 on. */
#if BBLOG_WS(4, 4)
#define BBLOG_FILTER_DATA , void *user_data _U_
#define bblog_add_conversation_filter(proto, name, has, build) register_conversation_filter(proto, name, has, build, NULL)
#else
#define BBLOG_FILTER_DATA
#define bblog_add_conversation_filter(proto, name, has, build) register_conversation_filter(proto, name, has, build)
#endif

/* What stands between the parts of a statistic's name in the menu. */
#ifdef STATS_TREE_MENU_SEPARATOR
#define BBLOG_MENU STATS_TREE_MENU_SEPARATOR
#else
#define BBLOG_MENU "/"
#endif

/*
 * The value of a custom option of one of our two PENs. False for any other option.
 *
 * Up to 4.4 a Netflix option's type stands beside its data; from 4.6 the data begin with it,
 * little-endian.
 */
static inline bool
bblog_option_from(unsigned id, wtap_opttype_e type, const wtap_optval_t *value, bblog_option *option)
{
    if (id != BBLOG_CUSTOM_COPY && id != BBLOG_CUSTOM_NO_COPY)
        return false;
#if BBLOG_WS(4, 6)
    if (type != WTAP_OPTTYPE_CUSTOM_BINARY)
        return false;
    const uint8_t *data = (const uint8_t *)value->custom_binaryval.data.custom_data;
    size_t len = value->custom_binaryval.data.custom_data_len;
    switch (value->custom_binaryval.pen) {
    case BBLOG_PEN_NETFLIX:
        if (data == NULL || len < 4)
            return false;
        option->kind = BBLOG_OPTION_NETFLIX;
        option->type = (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;
        option->data = data + 4;
        option->len = len - 4;
        return true;
    case BBLOG_PEN_FREEBSD:
        option->kind = BBLOG_OPTION_FREEBSD;
        option->type = 0;
        option->data = data;
        option->len = data == NULL ? 0 : len;
        return true;
    default:
        return false;
    }
#else
    if (type != WTAP_OPTTYPE_CUSTOM)
        return false;
    switch (value->custom_opt.pen) {
    case BBLOG_PEN_NETFLIX:
        option->kind = BBLOG_OPTION_NETFLIX;
        option->type = value->custom_opt.data.nflx_data.type;
        option->data = (const uint8_t *)value->custom_opt.data.nflx_data.custom_data;
        option->len = option->data == NULL ? 0 : value->custom_opt.data.nflx_data.custom_data_len;
        return true;
    case BBLOG_PEN_FREEBSD:
        option->kind = BBLOG_OPTION_FREEBSD;
        option->type = 0;
        option->data = (const uint8_t *)value->custom_opt.data.generic_data.custom_data;
        option->len = option->data == NULL ? 0 : value->custom_opt.data.generic_data.custom_data_len;
        return true;
    default:
        return false;
    }
#endif
}

#endif
