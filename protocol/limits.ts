/** Bounds of the node's socket (docs/protocol.md). Sizes are bytes unless a name says otherwise. */

/** The protocol version spoken by Hivesync nodes; version 1 is the original vk-swarm's. */
export const PROTOCOL_VERSION = 2;

/** A page's gzip. Larger than the worst possible line (1 MiB that gzip can't shrink, JSON-escaped). */
export const MAX_PAGE_GZIP_BYTES = 4 * 1024 * 1024;
/** A page after gunzip. */
export const MAX_PAGE_RAW_BYTES = 8 * 1024 * 1024;
/** One line's content as UTF-8; the recorder splits longer ones. */
export const MAX_LINE_BYTES = 1024 * 1024;
/** A page ends at this many lines or at PAGE_TARGET_RAW_BYTES, whichever comes first. */
export const PAGE_TARGET_LINES = 1000;
/** NDJSON bytes before gzip. A longer line is a page of its own. */
export const PAGE_TARGET_RAW_BYTES = 256 * 1024;

export const MAX_TEXT_FRAME_BYTES = 1024 * 1024;
export const MAX_EXECUTOR_ACTION_BYTES = 256 * 1024;
/** An attempt's summary as JSON. */
export const MAX_SUMMARY_BYTES = 16 * 1024;
/** The summary's `last_message`, in UTF-16 units. */
export const MAX_SUMMARY_MESSAGE_LENGTH = 4096;
/** All that a socket may send before it has authenticated. */
export const MAX_BYTES_BEFORE_AUTH = 64 * 1024;
/** The JSON header of a binary frame. */
export const MAX_PAGE_HEADER_BYTES = 4 * 1024;
/** A binary frame: length prefix, header and gzip. */
export const MAX_BINARY_FRAME_BYTES = 4 + MAX_PAGE_HEADER_BYTES + MAX_PAGE_GZIP_BYTES;

/** Maximum number of a node's attempt_sync and execution_sync frames that are not acknowledged yet. */
export const MAX_UNACKNOWLEDGED_METADATA = 256;
/** Maximum size of a node's live pages that are not acknowledged yet. */
export const MAX_UNACKNOWLEDGED_LIVE_BYTES = 1024 * 1024;
/** Executions of one attempt. */
export const MAX_EXECUTIONS = 100_000;
/** Executions in one attempt_described frame. */
export const MAX_DESCRIBED_EXECUTIONS = 500;
/** JSON bytes of one attempt_described frame. */
export const MAX_DESCRIBED_BYTES = 512 * 1024;
/**
 * If a refused live page is at most this many lines ahead of the hive, the node goes back and closes the gap itself.
 * A larger gap is left to a backfill.
 */
export const LIVE_REWIND_LINES = 10_000;

/** Markers that a node keeps, and names at its login. */
export const MAX_MARKERS = 64;

export const AUTH_TIMEOUT_MS = 30_000;
export const HEARTBEAT_INTERVAL_SECONDS = 30;
/** Silence after which either side closes the socket. */
export const SILENCE_TIMEOUT_MS = 90_000;
/** A pushed page is sent again if it was not answered for this long. */
export const LIVE_RESEND_MS = 10_000;
/** This many faulty frames within a minute close the socket. */
export const MAX_FAULTS_PER_MINUTE = 10;
