/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statistics: two trees for each of the two logs (tshark -z bblog,tree, -z bblog_limits,tree, -z eventlog,tree and
 * -z eventlog_limits,tree). */
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

/* Milliseconds by what limited the sending side, as bblog.limit says; and what is left of each of them. */
static const char limits_name[] = "Milliseconds by limit";
static int limits_node[2];
static GHashTable *limits_us[2];

static void
init_limits(stats_tree *tree, int log)
{
    if (limits_us[log] != NULL)
        g_hash_table_destroy(limits_us[log]);
    limits_us[log] = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    limits_node[log] = stats_tree_create_node(tree, limits_name, 0, STAT_DT_INT, TRUE);
}

static void
init_bblog_limits(stats_tree *tree)
{
    init_limits(tree, BBLOG_PROTOCOL_RECORD);
}

static void
init_eventlog_limits(stats_tree *tree)
{
    init_limits(tree, BBLOG_PROTOCOL_EVENTLOG);
}

static tap_packet_status
count_limits(stats_tree *tree, int log, const bblog_tap_data *data)
{
    if (data->limit == NULL || limits_us[log] == NULL)
        return TAP_PACKET_DONT_REDRAW;
    uint64_t *sum = g_hash_table_lookup(limits_us[log], data->limit);
    if (sum == NULL) {
        sum = g_new0(uint64_t, 1);
        g_hash_table_insert(limits_us[log], g_strdup(data->limit), sum);
    }
    uint64_t before = *sum / 1000;
    *sum += data->elapsed;
    int ms = (int)MIN(*sum / 1000 - before, INT_MAX);
    increase_stat_node(tree, limits_name, 0, TRUE, ms);
    increase_stat_node(tree, data->limit, limits_node[log], FALSE, ms);
    return TAP_PACKET_REDRAW;
}

static tap_packet_status
count_bblog_limits(stats_tree *tree, packet_info *pinfo, epan_dissect_t *edt, const void *data, tap_flags_t flags)
{
    (void)pinfo;
    (void)edt;
    (void)flags;
    return count_limits(tree, BBLOG_PROTOCOL_RECORD, data);
}

static tap_packet_status
count_eventlog_limits(stats_tree *tree, packet_info *pinfo, epan_dissect_t *edt, const void *data, tap_flags_t flags)
{
    (void)pinfo;
    (void)edt;
    (void)flags;
    return count_limits(tree, BBLOG_PROTOCOL_EVENTLOG, data);
}

void
bblog_register_stats(void)
{
    bblog_taps[BBLOG_PROTOCOL_RECORD] = register_tap("bblog");
    bblog_taps[BBLOG_PROTOCOL_EVENTLOG] = register_tap("freebsd-eventlog");
    stats_tree_register_plugin("bblog", "bblog", "BBLog" BBLOG_MENU "Overview", TL_REQUIRES_NOTHING, count_bblog, init_bblog, NULL);
    stats_tree_register_plugin(
        "freebsd-eventlog", "eventlog", "EVENTLOG" BBLOG_MENU "Overview", TL_REQUIRES_NOTHING, count_eventlog,
        init_eventlog, NULL);
    stats_tree_register_plugin("bblog", "bblog_limits", "BBLog" BBLOG_MENU "Limits", TL_REQUIRES_NOTHING,
        count_bblog_limits, init_bblog_limits, NULL);
    stats_tree_register_plugin("freebsd-eventlog", "eventlog_limits", "EVENTLOG" BBLOG_MENU "Limits",
        TL_REQUIRES_NOTHING, count_eventlog_limits, init_eventlog_limits, NULL);
}
