/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The border between the C half and the Rust half of the plugin.
 *
 * C owns every call into epan and wiretap; Rust owns every decision about bytes. Wireshark's
 * exceptions are longjmps, so C calls Rust and Rust returns plain data: C never calls epan
 * while a Rust frame is on the stack. The one exception is bblog_shim_register(), which only
 * hands function pointers to epan; bblog_shim_next_asked() calls nothing.
 *
 * bindgen reads this file: both halves share these definitions.
 */
#ifndef BBLOG_SHIM_H
#define BBLOG_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <epan/ftypes/ftypes.h>
#include <epan/proto.h>

/* ---- Registration: Rust describes, C registers. Everything here lives as long as the process. */

/* The protocol a field is registered under. */
enum bblog_protocol {
    BBLOG_PROTOCOL_RECORD,
    BBLOG_PROTOCOL_EVENTLOG,
};

/* A named value of an enumeration. */
typedef struct bblog_name {
    uint64_t value;
    const char *text;
} bblog_name;

/* A field to register. */
typedef struct bblog_field {
    const char *name;        /* as the tree shows it */
    const char *abbrev;      /* as filters use it */
    const char *blurb;       /* one sentence, or NULL */
    const bblog_name *names; /* names_len names, or NULL */
    size_t names_len;
    int32_t type;            /* FT_*, enum ftenum */
    int32_t display;         /* BASE_* */
    int32_t protocol;        /* enum bblog_protocol */
    int32_t frame;           /* FT_FRAMENUM: enum ft_framenum_type */
    /* Take the id of Wireshark's own field of this name where there is one. */
    bool shared;
    /* Its bits mean something each. */
    bool flags;
} bblog_field;

/* How serious an expert information is, and what it is about. */
enum bblog_severity {
    BBLOG_SEVERITY_CHAT,
    BBLOG_SEVERITY_NOTE,
    BBLOG_SEVERITY_WARN,
    BBLOG_SEVERITY_ERROR,
};
enum bblog_alert_group {
    BBLOG_GROUP_SEQUENCE,
    BBLOG_GROUP_RESPONSE,
    BBLOG_GROUP_PROTOCOL,
    BBLOG_GROUP_UNDECODED,
    BBLOG_GROUP_MALFORMED,
};

/* A kind of expert information to register. */
typedef struct bblog_alert_kind {
    const char *abbrev;
    const char *about;
    int32_t severity;        /* enum bblog_severity */
    int32_t group;           /* enum bblog_alert_group */
} bblog_alert_kind;

/* All fields, in the order of their index, and the indexes that the C code uses itself. */
typedef struct bblog_registry {
    const bblog_field *fields;
    size_t len;
    size_t event;            /* bblog.event */
    size_t summary;          /* bblog.summary */
    size_t stream;           /* bblog.stream */
    const bblog_alert_kind *alerts;
    size_t alerts_len;
} bblog_registry;

/* ---- Numbers of the file format, which exports.rs compares with those that the converter writes. */

/* Private enterprise numbers: Netflix, The FreeBSD Project. */
#define BBLOG_PEN_NETFLIX 10949
#define BBLOG_PEN_FREEBSD 2238
/* Custom options that hold binary data: copied by editors, or not. */
#define BBLOG_CUSTOM_COPY 2989
#define BBLOG_CUSTOM_NO_COPY 19373
/* Netflix's types of the options of a record. */
#define BBLOG_NETFLIX_TCPINFO 2
#define BBLOG_NETFLIX_VERBOSE 3

/* ---- Facts of a section, from the options of its Section Header Block. */

enum bblog_option_kind {
    BBLOG_OPTION_NETFLIX,    /* PEN 10949; `type` is the Netflix option type */
    BBLOG_OPTION_FREEBSD,    /* PEN 2238 */
    BBLOG_OPTION_OS,         /* shb_os, which is no custom option: text */
};

/* A section: the capture file it belongs to, which is only compared, and its number there. */
typedef struct bblog_section {
    const void *file;
    uint32_t number;
} bblog_section;

/* The value of an option. */
typedef struct bblog_option {
    int32_t kind;            /* enum bblog_option_kind */
    uint32_t type;
    const uint8_t *data;
    size_t len;
} bblog_option;

/* ---- Decoding one record. */

/* What the bytes are. */
enum bblog_input {
    BBLOG_INPUT_RECORD,      /* a TCPINFO: the first 268 bytes of a struct tcp_log_buffer */
    BBLOG_INPUT_EVENTLOG,    /* an ELOG event: 32-byte header and payload */
    BBLOG_INPUT_NOTHING,     /* no bytes: a block that stands for skipped records */
};

/* What is asked for. Bits of bblog_request.want. */
enum bblog_want {
    BBLOG_WANT_SUMMARY = 1,  /* what happened, in one line */
    BBLOG_WANT_VALUES = 2,   /* items: the values of the event */
    BBLOG_WANT_COMMON = 4,   /* items: the members every record has */
    BBLOG_WANT_TEXT = 8,     /* texts for the items, and items that only group */
    BBLOG_WANT_RAW = 16,     /* items: the raw members, hidden unless the next is set too */
    BBLOG_WANT_RAW_SHOWN = 32,
    BBLOG_WANT_EARLIER = 64, /* items: what the frame is beside earlier ones */
    BBLOG_WANT_RELATIVE = 128, /* among those: relative sequence numbers */
    BBLOG_WANT_STATE = 256,  /* a few words about the connection's state */
    BBLOG_WANT_COUNTED = 512, /* what statistics count by */
    BBLOG_WANT_FLOW = 1024,  /* the flow's number: nothing else identifies its connection */
    BBLOG_WANT_TREE = 2048,  /* where the event's number lies: there is a tree */
    /* What the analysis concludes of this frame or a later look at it. */
    BBLOG_WANT_FOLLOW = 4096,
    /* Sequence numbers in texts relative to the first one. */
    BBLOG_WANT_RELATIVE_TEXT = 8192,
    /* Why the record deserves notice. In the first pass, what the frame is beside others is kept for that and for later
     * looks. */
    BBLOG_WANT_ALERTS = 16384,
    /* Those that ask for items. */
    BBLOG_WANT_ITEMS = BBLOG_WANT_VALUES | BBLOG_WANT_COMMON | BBLOG_WANT_RAW | BBLOG_WANT_RAW_SHOWN | BBLOG_WANT_EARLIER,
};

/* The kernel that wrote BBLog records. */
enum bblog_kernel {
    BBLOG_KERNEL_AUTOMATIC,  /* what the section's OS says, or else the newest */
    BBLOG_KERNEL_MAIN,
    BBLOG_KERNEL_14,
    BBLOG_KERNEL_13,
};

typedef struct bblog_request {
    int32_t input;           /* enum bblog_input */
    uint32_t want;           /* enum bblog_want */
    int32_t kernel;          /* enum bblog_kernel */
    bblog_section section;
    uint32_t frame;          /* the number of the frame, from 1 */
    bool first;              /* this is the pass in the order of the file, which sees each frame once */
    const uint8_t *data;
    size_t len;
    const uint8_t *verbose;  /* the 72-byte verbose part of a record, or NULL */
    size_t verbose_len;
    const uint8_t *packet;   /* the frame's bytes, if a record describes a packet, or NULL */
    size_t packet_len;
} bblog_request;

/* The bytes that an item's offset counts from. */
enum bblog_origin {
    BBLOG_ORIGIN_DATA,
    BBLOG_ORIGIN_VERBOSE,
};

/* The subtree that an item opens for the deeper items after it. */
enum bblog_subtree {
    BBLOG_SUBTREE_NONE,
    BBLOG_SUBTREE_TOP,
    BBLOG_SUBTREE_VALUES,
    BBLOG_SUBTREE_COMMON,
    BBLOG_SUBTREE_VERBOSE,
    BBLOG_SUBTREE_HEADER,
    BBLOG_SUBTREE_RAW,
    BBLOG_SUBTREE_FLAGS,     /* of a shared field: the built-in's bits go into it */
    BBLOG_SUBTREES,          /* how many there are */
};

/* No text, no field, no subtree. */
#define BBLOG_NONE UINT32_MAX
/* The deepest item: 0 is the child of the top item. */
#define BBLOG_MAX_DEPTH 4

/* One line of the tree. */
typedef struct bblog_item {
    uint64_t number;         /* the value: integers, booleans; the bits of a double; strings: a text */
    uint32_t field;          /* index into the registry, or BBLOG_NONE for a line of text only */
    uint32_t text;           /* text of the value (or of the line), or BBLOG_NONE */
    uint32_t offset;
    uint32_t length;
    uint8_t depth;
    uint8_t origin;          /* enum bblog_origin */
    uint8_t subtree;         /* enum bblog_subtree */
    bool generated;          /* not in the bytes as such: shown in brackets */
    bool hidden;             /* there for filters only */
    bool unset;              /* not set: a line that says so, and no value of the field */
} bblog_item;

/* One end of a connection. */
typedef struct bblog_endpoint {
    uint8_t address[16];     /* network order */
    uint8_t address_len;     /* 4, 16, or 0 if not known */
    uint16_t port;
} bblog_endpoint;

/* A reason why the record deserves notice. */
typedef struct bblog_alert {
    uint32_t kind;           /* index into bblog_registry.alerts */
    uint32_t text;
} bblog_alert;

/* What was decoded. Pointers hold until the next call into Rust. */
typedef struct bblog_result {
    const bblog_item *items;
    size_t len;
    const char *texts;       /* NUL-terminated UTF-8 texts; below, offsets into them */
    uint32_t name;           /* the event's short name, for trees and statistics, or BBLOG_NONE */
    uint32_t name_offset;    /* where the event's number lies in the data */
    uint32_t name_length;
    uint32_t summary;        /* or BBLOG_NONE */
    uint32_t problem;        /* what is wrong with the bytes, or BBLOG_NONE */
    uint32_t provider;       /* eventlog: the provider's name, or BBLOG_NONE */
    const bblog_alert *alerts;
    size_t alerts_len;
    uint32_t state;          /* `cwnd=... flight=...`, or BBLOG_NONE */
    uint32_t stack;          /* BBLog: the stack's name, or BBLOG_NONE */
    uint32_t timer;          /* the timer that something happened to, or BBLOG_NONE */
    uint32_t action;         /* what happened to it, or BBLOG_NONE */
    uint32_t limit;          /* what limited the connection until this frame, or BBLOG_NONE */
    uint64_t elapsed;        /* microseconds since the frame before it of its flow */
    uint32_t flow;           /* number of the flow, among those whose connection is not known */
    bool resent;             /* it is a segment that was sent before */
    bool new_conversation;   /* the flow is to have a conversation from here on */
    bblog_endpoint local;    /* of a record without a packet */
    bblog_endpoint foreign;
} bblog_result;

/* ---- Rust, called by C. */

/* Reads the user's schemas: those that the preference in this file of saved preferences (or NULL) and
 * the environment name. To be called before bblog_registry_get(). Gives one line for each fault, ended by
 * NULL; they live as long as the process. */
const char *const *bblog_schemas_load(const char *preferences);
/* The fields to register. */
const bblog_registry *bblog_registry_get(void);
/* Takes the preference for the names of stacks, `1=freebsd,2=rack`, which hold for every section. */
void bblog_stacks_assume(const char *preference);
/* Forgets every section: files may have changed. */
void bblog_sections_clear(void);
/* Forgets what was kept of frames, and every section: another capture begins, or the same one anew. */
void bblog_frames_clear(void);
/* Makes a section known; bblog_section_option() is to follow for each of its options. */
void bblog_section_enter(const bblog_section *section);
/* Notes an option of the section entered last. */
void bblog_section_option(const bblog_option *option);
/* Decodes. Any bytes will do. False, and nothing is decoded, if the section is not known yet. */
bool bblog_decode(const bblog_request *request, bblog_result *result);

/* ---- C, called by Rust. */

/* Registers everything with epan and wiretap. */
void bblog_shim_register(void);
/* The first field of the registry, from `from` on and before `end`, that a filter, a column or a statistic needs,
 * itself or one of its bits; `end` if there is none. Every field before fields are registered. */
uint32_t bblog_shim_next_asked(uint32_t from, uint32_t end);

#endif
