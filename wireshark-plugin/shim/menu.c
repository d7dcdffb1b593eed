/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tools → BBLog: the page of `bblog plot`, of the file that is shown, in the user's browser.
 *
 * epan keeps the entries, and only a program with menus shows them. `bblog` is a process of its own, started without a
 * shell; GLib's main loop, which Qt runs on these systems, reports its end, as it does for extcap. So the window
 * never waits.
 */
#include "internal.h"

#include <fcntl.h>
#include <unistd.h>

#include <cfile.h>
#include <epan/epan_dissect.h>
#include <epan/funnel.h>
#include <epan/plugin_if.h>
#include <epan/to_str.h>
#include <glib/gstdio.h>
#include <wsutil/report_message.h>

/* Bytes of its messages that are looked at, from their end. */
#define MESSAGES_MAX 4096

static const char page_name[] = "plot.html";
static const char messages_name[] = "messages";

/* A page in the making. */
struct plot {
    char *folder;
    char *page;
    char *messages;
};

/* The folders made, which end with the program: a browser has read a page by then. */
static GSList *folders;
/* Whether `bblog` runs: once at a time, however often an entry is clicked. */
static bool running;

/* What the window shows. */
struct shown {
    char *file;
    char *connection;        /* of the selected frame, as `bblog --connection` takes it, or NULL */
};

/* One end of a connection. */
static char *
end_text(wmem_allocator_t *pool, const address *address, uint32_t port)
{
    const char *format = address->type == AT_IPv6 ? "[%s]:%u" : "%s:%u";
    return wmem_strdup_printf(pool, format, address_to_str(pool, address), port);
}

static void *
look(capture_file *file, void *data)
{
    struct shown *shown = data;
    if (file == NULL || file->state == FILE_CLOSED || file->filename == NULL)
        return NULL;
    shown->file = g_strdup(file->filename);
    const packet_info *pinfo = file->edt == NULL ? NULL : &file->edt->pi;
    if (pinfo != NULL && bblog_has_endpoints(pinfo))
        shown->connection = g_strdup_printf("%s-%s", end_text(pinfo->pool, &pinfo->src, pinfo->srcport),
            end_text(pinfo->pool, &pinfo->dst, pinfo->destport));
    return NULL;
}

static void
remove_folder(const char *folder)
{
    const char *const names[] = { page_name, messages_name };
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        char *path = g_build_filename(folder, names[i], NULL);
        g_unlink(path);
        g_free(path);
    }
    g_rmdir(folder);
}

static void
remove_folders(void)
{
    for (GSList *folder = folders; folder != NULL; folder = folder->next)
        remove_folder(folder->data);
    g_slist_free_full(folders, g_free);
    folders = NULL;
}

static void
free_plot(struct plot *plot)
{
    g_free(plot->folder);
    g_free(plot->page);
    g_free(plot->messages);
    g_free(plot);
}

/* The last line of a program's messages, or NULL. */
static char *
last_line(const char *path)
{
    char *text = NULL;
    gsize len = 0;
    if (!g_file_get_contents(path, &text, &len, NULL))
        return NULL;
    const char *end = len > MESSAGES_MAX ? text + len - MESSAGES_MAX : text;
    char *tail = g_utf8_make_valid(end, -1);
    g_free(text);
    g_strchomp(tail);
    const char *newline = strrchr(tail, '\n');
    char *line = *tail == '\0' ? NULL : g_strdup(newline == NULL ? tail : newline + 1);
    g_free(tail);
    return line;
}

/* Shows a finished page in the browser that the desktop has. */
static void
show(const struct plot *plot)
{
    const funnel_ops_t *ops = funnel_get_funnel_ops();
    char *url = g_filename_to_uri(plot->page, NULL, NULL);
    if (url == NULL || ops == NULL || ops->browser_open_url == NULL || !ops->browser_open_url(url))
        report_failure("BBLog: no browser could be started for %s", plot->page);
    g_free(url);
}

/* `bblog` has ended. */
static void
finished(GPid process, int status, void *data)
{
    struct plot *plot = data;
    running = false;
    g_spawn_close_pid(process);
    bool failed = status != 0;
    char *line = last_line(plot->messages);
    /* What could be read of a damaged file has a page too. */
    if (g_file_test(plot->page, G_FILE_TEST_IS_REGULAR)) {
        show(plot);
    } else {
        failed = true;
        remove_folder(plot->folder);
    }
    if (failed)
        report_failure("%s", line != NULL ? line : "BBLog: bblog plot ended without a page and without a message");
    g_free(line);
    free_plot(plot);
}

/* Starts `bblog plot`. */
static bool
start(const struct shown *shown, const struct plot *plot, GPid *process, GError **error)
{
    const char *program = bblog_pref_program[0] == '\0' ? "bblog" : bblog_pref_program;
    GPtrArray *words = g_ptr_array_new();
    const char *const first[] = { program, "plot", "--format", "html", "-o", plot->page };
    for (size_t i = 0; i < G_N_ELEMENTS(first); i++)
        g_ptr_array_add(words, (void *)first[i]);
    if (shown->connection != NULL) {
        g_ptr_array_add(words, (void *)"--connection");
        g_ptr_array_add(words, shown->connection);
    }
    g_ptr_array_add(words, (void *)"--");
    g_ptr_array_add(words, shown->file);
    g_ptr_array_add(words, NULL);
    int messages = open(plot->messages, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool started = g_spawn_async_with_fds(NULL, (char **)words->pdata, NULL,
        G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, process, -1, -1, messages, error);
    if (messages >= 0)
        close(messages);
    g_ptr_array_free(words, TRUE);
    return started;
}

static void
plot_shown(const struct shown *shown)
{
    GError *error = NULL;
    char *folder = g_dir_make_tmp("bblog-plot-XXXXXX", &error);
    if (folder == NULL) {
        report_failure("BBLog: no folder for the page: %s", error->message);
        g_error_free(error);
        return;
    }
    folders = g_slist_prepend(folders, g_strdup(folder));
    struct plot *plot = g_new(struct plot, 1);
    *plot = (struct plot) {
        .folder = folder,
        .page = g_build_filename(folder, page_name, NULL),
        .messages = g_build_filename(folder, messages_name, NULL),
    };
    GPid process;
    if (start(shown, plot, &process, &error)) {
        running = true;
        g_child_watch_add(process, finished, plot);
        return;
    }
    report_failure("BBLog: %s. Install bblog, or name the program in the preferences of the protocol BBLog",
        error->message);
    g_error_free(error);
    remove_folder(folder);
    free_plot(plot);
}

/* What an entry plots. */
enum entry {
    ENTRY_CONNECTION,
    ENTRY_ALL,
};

static void
clicked(ext_menubar_gui_type gui, gpointer object, gpointer data)
{
    (void)gui;
    (void)object;
    bool all = GPOINTER_TO_INT(data) == ENTRY_ALL;
    struct shown shown = { 0 };
    plugin_if_get_capture_file(look, &shown);
    if (all) {
        g_free(shown.connection);
        shown.connection = NULL;
    }
    if (shown.file == NULL)
        report_failure("BBLog: no file is open");
    else if (!all && shown.connection == NULL)
        report_failure("BBLog: no connection is selected: select one of its packets or events, or plot all connections");
    else if (running)
        report_failure("BBLog: another page is being made");
    else
        plot_shown(&shown);
    g_free(shown.file);
    g_free(shown.connection);
}

void
bblog_register_menu(void)
{
    ext_menu_t *menu = ext_menubar_register_menu(bblog_proto_record, "BBLog", TRUE);
    ext_menubar_set_parentmenu(menu, "Tools");
    ext_menubar_add_entry(menu, "Plot this connection", "Show the page of bblog plot for the selected connection",
        clicked, GINT_TO_POINTER(ENTRY_CONNECTION));
    ext_menubar_add_entry(menu, "Plot all connections", "Show the page of bblog plot for the whole file", clicked,
        GINT_TO_POINTER(ENTRY_ALL));
    register_shutdown_routine(remove_folders);
}
