/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statistics: one tree for each of the two logs (tshark -z bblog,tree and -z eventlog,tree). */
#include "internal.h"

#include <epan/stats_tree.h>
#include <epan/tap.h>

int bblog_taps[2] = { -1, -1 };

/* The branches, made once for each tree that is shown. */
enum branch {
    BRANCH_EVENTS,
    BRANCH_TIMERS,
    BRANCH_ERRORS,
    BRANCH_CONNECTIONS,
    BRANCHES,
};

static const char *const names[2][BRANCHES] = {
    { "Events by stack", "Timers", "Errors", "Connections" },
    { "Events by provider", "Timers", "Errors", "Sessions and connections" },
};
static int branches[2][BRANCHES];

static void
make_branches(stats_tree *tree, int log)
{
    for (int i = 0; i < BRANCHES; i++)
        branches[log][i] = stats_tree_create_node(tree, names[log][i], 0, STAT_DT_INT, TRUE);
}

static void
init_bblog(stats_tree *tree)
{
    make_branches(tree, BBLOG_PROTOCOL_RECORD);
}

static void
init_eventlog(stats_tree *tree)
{
    make_branches(tree, BBLOG_PROTOCOL_EVENTLOG);
}

/* Counts `name`, and below it `detail`, in a branch. */
static void
count(stats_tree *tree, int log, enum branch branch, const char *name, const char *detail)
{
    if (name == NULL)
        return;
    tick_stat_node(tree, names[log][branch], 0, TRUE);
    int node = tick_stat_node(tree, name, branches[log][branch], detail != NULL);
    if (detail != NULL)
        tick_stat_node(tree, detail, node, FALSE);
}

static void
count_all(stats_tree *tree, int log, const bblog_tap_data *data)
{
    const char *event = data->event != NULL ? data->event : "malformed";
    count(tree, log, BRANCH_EVENTS, data->stack != NULL ? data->stack : "unknown", event);
    count(tree, log, BRANCH_TIMERS, data->timer, data->action);
    for (size_t i = 0; i < data->errors_len; i++)
        count(tree, log, BRANCH_ERRORS, data->errors[i], NULL);
    count(tree, log, BRANCH_CONNECTIONS, data->connection, event);
}

static tap_packet_status
count_bblog(stats_tree *tree, packet_info *pinfo, epan_dissect_t *edt, const void *data, tap_flags_t flags)
{
    (void)pinfo;
    (void)edt;
    (void)flags;
    count_all(tree, BBLOG_PROTOCOL_RECORD, data);
    return TAP_PACKET_REDRAW;
}

static tap_packet_status
count_eventlog(stats_tree *tree, packet_info *pinfo, epan_dissect_t *edt, const void *data, tap_flags_t flags)
{
    (void)pinfo;
    (void)edt;
    (void)flags;
    count_all(tree, BBLOG_PROTOCOL_EVENTLOG, data);
    return TAP_PACKET_REDRAW;
}

void
bblog_register_stats(void)
{
    bblog_taps[BBLOG_PROTOCOL_RECORD] = register_tap("bblog");
    bblog_taps[BBLOG_PROTOCOL_EVENTLOG] = register_tap("freebsd-eventlog");
    stats_tree_register_plugin("bblog", "bblog", "BBLog", TL_REQUIRES_NOTHING, count_bblog, init_bblog, NULL);
    stats_tree_register_plugin(
        "freebsd-eventlog", "eventlog", "FreeBSD event log", TL_REQUIRES_NOTHING, count_eventlog, init_eventlog, NULL);
}
