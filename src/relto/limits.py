"""Every bound that a peer or a file could otherwise push, each with its reason.

Units are the last word of the name. A limit is checked before memory is taken.
"""

from typing import Final

# A treaty of a hundred pages with its acts is well under 200 kB of TOML; ten times that is not a
# treaty.
LAW_FILE_BYTES_MAX: Final = 2_000_000

# Identifiers are typed by people and printed in tables.
IDENTIFIER_CHARS_MAX: Final = 96

# A free text in a request, a refusal or a reason: one page.
TEXT_CHARS_MAX: Final = 4_000

# Topics, parties, consents listed in one message.
LIST_ITEMS_MAX: Final = 64

# One journal entry: header and bodies. Packages travel beside the journal, never in it.
HEADER_BYTES_MAX: Final = 8_192
BODY_BYTES_MAX: Final = 262_144
PARTS_MAX: Final = 8

# One exchange on a link: enough to catch up quickly, small enough to buffer for every partner.
BATCH_ENTRIES_MAX: Final = 1_024
BATCH_BYTES_MAX: Final = 4_194_304
# Of twice so many entries and more, half waits for the frame that goes ahead, so that one side
# works on the one while the other works on the other. Of fewer, a second frame costs both sides
# more work than they gain by doing it at once.
BATCH_SHARED_ENTRIES: Final = 8
# Frames of one caller on their way to one partner: one that is worked on, and one that is next.
FRAMES_IN_FLIGHT_MAX: Final = 2

# A sealed package; larger material is split by its originator.
PACKAGE_BYTES_MAX: Final = 1_073_741_824
PACKAGE_CHUNK_BYTES: Final = 1_048_576
PACKAGE_INLINE_BYTES_MAX: Final = 65_536

# A signed note: origin, size, root and at most sixteen signatures, some of them post-quantum.
NOTE_BYTES_MAX: Final = 16_384
NOTE_SIGNATURES_MAX: Final = 16

# Cards of one party whose keys sign one note while a partner has not heard of the newest: the first
# that it may know and the two newest. With ML-DSA-65 for each, no more fit into a note.
SIGNERS_MAX: Final = 3

# A proof in a tree with less than 2**53 leaves, and one more.
PROOF_HASHES_MAX: Final = 64

# One frame on a link: a full batch, base64 included, an acknowledgement, and inline packages beside
# it.
FRAME_BYTES_MAX: Final = 16_777_216

# Every so many entries the author signs the tree head with ML-DSA-65 too: 15 microseconds for each
# entry.
DURABLE_CHECKPOINT_ENTRIES: Final = 64

# An extract of a case: entries of all logs, cards, law files; and the archive that carries it.
EXTRACT_LOGS_MAX: Final = 16
EXTRACT_ENTRIES_MAX: Final = 10_000
EXTRACT_CARDS_MAX: Final = 64
EXTRACT_FILES_MAX: Final = 1_000
EXTRACT_BYTES_MAX: Final = 67_108_864
ARCHIVE_BYTES_MAX: Final = 134_217_728
# Text packs ten to one; a hundred to one is a bomb (FL-30).
ARCHIVE_RATIO_MAX: Final = 100

# A node card: identity, keys, one certificate.
CARD_BYTES_MAX: Final = 65_536

# A route longer than this has never been lawful and would explode the search.
ROUTE_HOPS_MAX: Final = 4

# Nobody chooses among more ways than this; the answer says when there are more.
ROUTES_MAX: Final = 64

# Hops tried in one search, a second or two of work; the answer says when it was not enough.
ROUTE_TRIALS_MAX: Final = 20_000

# Blocked candidates listed beside the routes, nearest first; the answer says when there are more.
ROUTES_BLOCKED_MAX: Final = 64

# Clocks of partners: beyond this the message is refused and an alarm raised (FL-13).
CLOCK_SKEW_SECONDS_MAX: Final = 300

# The link port. Partners are few and known, so these are generous for them and tight for strangers.
# Handshakes in flight: an honest one takes milliseconds, so the oldest is dropped for a new one
# (FL-44).
LINK_HANDSHAKES_MAX: Final = 64
# Open connections of all partners, and of one: one slow partner never takes another's place
# (FL-12).
LINK_CONNECTIONS_MAX: Final = 512
LINK_PARTNER_CONNECTIONS_MAX: Final = 16
LINK_PARTNER_REQUESTS_MAX: Final = 8

# Each phase of a request has its own time; a stalled partner loses the connection, nobody else
# does.
LINK_HANDSHAKE_SECONDS_MAX: Final = 5
LINK_IDLE_SECONDS_MAX: Final = 30  # until the next request's head is complete
LINK_BODY_SECONDS_MAX: Final = 20
LINK_ANSWER_SECONDS_MAX: Final = 30
# Longer than any frame can be under way, even where a process or a line stood still meanwhile.
LATE_FRAME_SECONDS_MAX: Final = 900
LINK_CONNECT_SECONDS_MAX: Final = 5
LINK_WAIT_SECONDS_MAX: Final = (
    20  # an answer held until there is news, where only one side can call
)

# Request lines and headers of this protocol are a few hundred bytes.
LINK_HEADER_BYTES_MAX: Final = 2_048
LINK_HEADERS_MAX: Final = 32

# Packages travel in pieces of this size, each a request of its own, so that any break can be
# resumed; and one partner's packages arrive at no more than this rate, so that they cannot fill a
# disk in a minute.
LINK_PIECE_BYTES_MAX: Final = 1_048_576
LINK_PARTNER_BYTES_PER_SECOND_MAX: Final = 67_108_864

# What one partner may add to this node's journal; its frames and their answers, with the small
# packages in them, keep the rate of packages. Four times what two busy nodes do: 1,000 releases a
# second are 2,000 entries of the requester, and 7 MB of the holder. So many seconds' worth come at
# once, as after a long silence. `node.toml` may say less. Whoever is over it is told when to come
# again, at most this much later, and hears that after a while, so that asking at once is of no use
# (FL-44).
LINK_PARTNER_ENTRIES_PER_SECOND_MAX: Final = 8_192
LINK_PARTNER_JOURNAL_BYTES_PER_SECOND_MAX: Final = 33_554_432
LINK_BURST_SECONDS: Final = 4
LINK_PATIENCE_SECONDS_MAX: Final = 300
LINK_HOLD_SECONDS: Final = 1

# Answers of the law that a node repeats while they hold, some kilobytes each. Beyond: begin anew.
ANSWERS_KEPT_MAX: Final = 1_024

# Plans for pairs of parties kept by one planner: every ordered pair of 250 parties. Beyond: begin
# anew.
PLANS_MAX: Final = 65_536

# Facts remembered in one table of one plan, and words numbered at one desk; a label, a set of
# topics or a purpose each take a place or a few.
PLAN_FACTS_MAX: Final = 4_096

# A scenario names its content by file; the longest one written has a few hundred lines.
SCENARIO_BYTES_MAX: Final = 262_144

# Items in one release: with the findings of each, they still fit into one body.
RELEASE_ITEMS_MAX: Final = 8

# Cases that one partner has open here, on behalf of one party: more than its officers could follow,
# and than are under way at once after a long silence (three batches of entries). Each takes some
# three kilobytes of memory and of every snapshot.
PARTNER_OPEN_CASES_MAX: Final = 4_096

# Packages that travel inside one exchange; the rest goes by range, most urgent first.
INLINE_BYTES_MAX: Final = 1_048_576

# An answer has this long to be acknowledged before its entries are sent once more.
RESEND_SECONDS: Final = 5

# Workers of one node on several machines: whose clock is behind by no more than this follows the
# others' entries. Machines that keep the time are milliseconds apart.
WORKER_SKEW_SECONDS_MAX: Final = 2

# Workers of one node on one machine: they take turns, so more than cores are of no use.
WORKERS_MAX: Final = 64

# A restart folds at most about so many entries again, and the node keeps in memory what they have
# closed: a few megabytes. What it forgets then is marked in the journal, in some 20 milliseconds.
SNAPSHOT_ENTRIES: Final = 2_048

# What lies among the blobs and nothing names is removed once nobody has written or wanted it for so
# long; before that it may be about to be named. A node that has just begun waits as long, since a
# partner may tell it that its journal was set back.
SWEEP_AGE_SECONDS: Final = 600

# How often a node looks for that, and at how many files then: a few milliseconds of a minute.
SWEEP_SECONDS: Final = 60
SWEEP_FILES_MAX: Final = 256

# Closed cases and items looked up again and remembered until the next snapshot, each.
REMEMBERED_MAX: Final = 1_024

# Cases and items that one list shows, the newest; read in a tenth of a second, while others wait.
LISTED_MAX: Final = 200

# Old keys stay usable this long after a change, for what is under way (FL-20).
KEY_OVERLAP_SECONDS: Final = 604_800

# An order at the officers' port: a law file or two at most.
ORDER_BYTES_MAX: Final = 8_388_608

# Instruments between one holder and one recipient in bulk tables: 256 words for each row.
BULK_INSTRUMENTS_MAX: Final = 1_024

# With consents the tables are by topics and origin together: 2 MB for each word.
BULK_JOINT_CODES_MAX: Final = 262_144

# Different values of one fault in one column of a table that are kept to be shown; every row at
# fault is listed with its number all the same.
BULK_FLAW_VALUES_MAX: Final = 1_000

# Open requests and standing feeds in a table of traffic: each is looked at and shown by itself.
TRAFFIC_OPEN_MAX: Final = 65_536

# Different facts of one kind in a table of holdings: each is read once, in microseconds.
BULK_CODES_MAX: Final = 1_048_576
