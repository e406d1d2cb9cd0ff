/**
 * Every statement of the node's SQLite, by name. They share one file, while the hive has one file per statement,
 * because they are short, have fragments in common and run several at a time in one synchronous transaction.
 */

export const SELECT_DATA_VERSION = `PRAGMA data_version`;
export const SELECT_MACHINE_ID = `SELECT machine_id FROM node WHERE id = 1`;
export const INSERT_NODE = `INSERT INTO node (id, machine_id, created_at) VALUES (1, ?, ?) ON CONFLICT DO NOTHING`;
export const SET_MACHINE_ID = `UPDATE node SET machine_id = ? WHERE id = 1 AND hive_node_id IS NULL`;

// attempts

const IS_COMPLETE = `acked_state = 'complete' AND acked_revision = revision`;
const ATTEMPT = `
  SELECT a.*, (SELECT count(*) FROM execution e WHERE e.attempt_key = a.key) AS execution_count,
    (SELECT coalesce(sum(masked), 0) FROM execution e WHERE e.attempt_key = a.key) AS masked FROM attempt a`;
/** One that was deleted at the hive is as good as none. */
const IS_KEPT = `a.forgotten_at IS NULL`;
export const SELECT_ATTEMPT_BY_ID = `${ATTEMPT} WHERE a.id = ? AND ${IS_KEPT}`;
export const SELECT_ATTEMPT_BY_KEY = `${ATTEMPT} WHERE a.key = ? AND ${IS_KEPT}`;
/** Without those of which nothing but a description is left. */
export const SELECT_ATTEMPTS = `${ATTEMPT} WHERE a.pruned = 0 ORDER BY a.created_at DESC, a.id LIMIT ?`;
export const INSERT_ATTEMPT = `
  INSERT INTO attempt (id, revision, title, shared_task_id, executor, branch, container_ref, created_at, updated_at)
  VALUES (@id, 0, @title, @shared_task_id, @executor, @branch, @container_ref, @created_at, @created_at)
  ON CONFLICT (id) DO NOTHING`;
export const RAISE_REVISION = `UPDATE attempt SET revision = revision + 1, updated_at = ?, pruned = 0 WHERE key = ? AND forgotten_at IS NULL RETURNING revision`;
export const RAISE_REVISION_ABOVE = `
  UPDATE attempt SET revision = @revision + 1, acked_revision = 0, refused = NULL WHERE key = @key AND revision <= @revision RETURNING revision`;
/** Asked after every commit, and nearly always false; {@link SELECT_PENDING_ATTEMPTS} takes ten times as long. */
export const SELECT_IS_PENDING = `
  SELECT EXISTS (SELECT 1 FROM attempt WHERE revision > acked_revision)
    OR EXISTS (SELECT 1 FROM execution WHERE revision > acked_revision)`;
export const SELECT_PENDING_ATTEMPTS = `
  SELECT key FROM (
    SELECT key FROM attempt WHERE revision > acked_revision AND key > @after
    UNION SELECT attempt_key FROM execution WHERE revision > acked_revision AND attempt_key > @after
  ) ORDER BY key LIMIT @limit`;
export const ACKNOWLEDGE_ATTEMPT = `
  UPDATE attempt SET acked_revision = @revision, acked_state = @state, refused = NULL,
    covered_by = CASE WHEN acked_state = @state AND acked_revision = @revision THEN covered_by END
  WHERE key = @key`;
export const REFUSE_ATTEMPT = `
  UPDATE attempt SET refused = @code, acked_revision = min(revision, @revision), acked_state = NULL, covered_by = NULL
  WHERE key = @key`;
export const SELECT_HIVE_NODE = `SELECT hive_node_id FROM node WHERE id = 1`;
export const SET_HIVE_NODE = `UPDATE node SET hive_node_id = ? WHERE id = 1`;
export const FORGET_ALL_ATTEMPT_ACKS = `
  UPDATE attempt SET acked_revision = 0, acked_state = NULL, covered_by = NULL, refused = NULL`;
export const FORGET_ALL_EXECUTION_ACKS = `UPDATE execution SET acked_revision = 0, acked_epoch = 0, acked_through = 0`;
export const FORGET_ATTEMPT_ACK = `UPDATE attempt SET acked_revision = 0 WHERE key = ?`;
export const FORGET_INCOMPLETE_ACKS = `
  UPDATE attempt SET acked_revision = 0
  WHERE acked_state IS NOT 'complete' AND acked_revision > 0 AND refused IS NULL
    AND NOT EXISTS (SELECT 1 FROM execution e WHERE e.attempt_key = attempt.key AND e.status = 'running')`;
export const FORGET_EXECUTION_ACKS_OF_UNACKED = `
  UPDATE execution SET acked_revision = 0
  WHERE acked_revision > 0 AND attempt_key IN (
    SELECT key FROM attempt WHERE acked_state IS NOT 'complete' AND acked_revision = 0)`;
export const FORGET_UNVERIFIED_ACKS = `
  UPDATE execution SET acked_revision = 0
  WHERE attempt_key = ? AND (acked_epoch <> log_epoch OR acked_through <> log_lines)`;

// markers

export const INSERT_MARKER = `INSERT INTO marker (id) VALUES (?) ON CONFLICT DO NOTHING`;
export const SELECT_MARKERS = `SELECT seq, id FROM marker ORDER BY seq DESC`;
export const COVER_ACKS = `
  UPDATE attempt SET covered_by = (SELECT max(seq) FROM marker) WHERE covered_by IS NULL AND acked_revision > 0`;
export const COVER_BY_ANOTHER = `UPDATE attempt SET covered_by = ? WHERE covered_by = ?`;
export const DELETE_MARKER = `DELETE FROM marker WHERE seq = ?`;
export const DELETE_MARKERS_AFTER = `DELETE FROM marker WHERE seq > ?`;
export const SELECT_LAST_KNOWN_MARKER = `
  SELECT coalesce(max(seq), 0) FROM marker WHERE id IN (SELECT value FROM json_each(?))`;
export const COUNT_LOST_ACKS = `SELECT count(*) FROM attempt WHERE covered_by > ?`;
export const FORGET_UNCOVERED_ACKS = `
  UPDATE attempt SET acked_revision = 0, acked_state = NULL, covered_by = NULL
  WHERE (covered_by IS NULL OR covered_by > ?) AND acked_revision > 0 AND refused IS NULL`;
export const FORGET_EXECUTION_ACKS_OF_FORGOTTEN = `
  UPDATE execution SET acked_revision = 0, acked_epoch = 0, acked_through = 0
  WHERE acked_revision > 0 AND attempt_key IN (
    SELECT key FROM attempt WHERE covered_by IS NULL AND acked_revision = 0 AND acked_state IS NULL)`;

// executions

const EXECUTION = `
  SELECT e.*, a.id AS attempt_id, a.revision AS attempt_revision, a.refused AS attempt_refused
  FROM execution e JOIN attempt a ON a.key = e.attempt_key`;
export const SELECT_EXECUTION_BY_ID = `${EXECUTION} WHERE e.id = ? AND ${IS_KEPT}`;
export const SELECT_EXECUTION_BY_KEY = `${EXECUTION} WHERE e.key = ? AND ${IS_KEPT}`;
export const SELECT_EXECUTIONS = `
  ${EXECUTION} WHERE e.attempt_key = ? AND (e.created_at, e.id) > (?, ?) ORDER BY e.created_at, e.id`;
export const SELECT_PENDING_EXECUTIONS = `
  ${EXECUTION} WHERE e.attempt_key = ? AND e.revision > e.acked_revision ORDER BY e.created_at, e.id`;
/** One that runs, if there is one, otherwise the one that ended last: of nested ones, the outer one. */
export const SELECT_LATEST_EXECUTION = `
  ${EXECUTION} WHERE e.attempt_key = ?
  ORDER BY e.status = 'running' DESC, e.completed_at DESC, e.created_at, e.id LIMIT 1`;
export const SELECT_RUNNING_EXECUTIONS = `${EXECUTION} WHERE e.status = 'running'`;
export const INSERT_EXECUTION = `
  INSERT INTO execution (id, attempt_key, revision, run_reason, executor_action, before_head_commit, pid, started_at,
    created_at, recorder_pid, recorder_started, recorder_locks)
  VALUES (@id, @attempt_key, @revision, @run_reason, @executor_action, @before_head_commit, @pid, @started_at,
    @started_at, @recorder_pid, @recorder_started, @recorder_locks)`;
export const END_EXECUTION = `
  UPDATE execution SET status = @status, exit_code = @exit_code, after_head_commit = @after_head_commit,
    completed_at = @completed_at, revision = @revision WHERE key = @key AND status = 'running'`;
export const END_ORPHAN = `
  UPDATE execution SET status = 'killed', revision = @revision, completed_at = max(started_at, @last_line_at)
  WHERE key = @key AND status = 'running'`;
export const SET_DROPPED = `UPDATE execution SET dropped = 1, revision = ? WHERE key = ?`;
export const SET_EXECUTION_REVISIONS = `UPDATE execution SET revision = ?, acked_revision = 0 WHERE attempt_key = ?`;
export const RAISE_EPOCH = `
  UPDATE execution SET log_epoch = max(log_epoch, @epoch) + 1, revision = @revision, acked_revision = 0
  WHERE key = @key`;
export const ACKNOWLEDGE_LINES = `UPDATE execution SET acked_epoch = ?, acked_through = ? WHERE key = ?`;
export const ACKNOWLEDGE_EXECUTION = `UPDATE execution SET acked_revision = max(acked_revision, ?) WHERE key = ?`;
/** Nothing of a refused attempt is announced. */
export const PASS_OVER_EXECUTIONS = `UPDATE execution SET acked_revision = revision WHERE attempt_key = ?`;
export const FORGET_EXECUTION_ACK = `UPDATE execution SET acked_revision = 0 WHERE key = ?`;
export const FORGET_EXECUTION_ACKS = `UPDATE execution SET acked_revision = 0 WHERE attempt_key = ?`;

// what is learnt from output

export const SELECT_EXECUTION_SUMMARY = `SELECT summary FROM execution WHERE key = ?`;
export const SELECT_SUMMARIES = `
  SELECT summary FROM execution WHERE attempt_key = ? AND summary IS NOT NULL ORDER BY created_at, id`;
/** Both change nothing if it is the same. */
export const SET_EXECUTION_SUMMARY = `
  UPDATE execution SET summary = @summary WHERE key = @key AND summary IS NOT @summary`;
export const SET_ATTEMPT_SUMMARY = `UPDATE attempt SET summary = @summary WHERE key = @key AND summary IS NOT @summary`;
export const SET_MASKED = `UPDATE execution SET masked = @count WHERE key = @key AND masked <> @count`;

// log lines

export const INSERT_LINE = `INSERT INTO log_line (execution_key, seq, line) VALUES (?, ?, ?)`;
/** Changes nothing if the execution has ended, or if another process has added lines. */
export const SET_LOG_LINES = `
  UPDATE execution SET log_lines = ? WHERE key = ? AND log_lines = ? AND status = 'running'`;
export const DELETE_LINES = `DELETE FROM log_line WHERE execution_key = ? AND seq > ?`;
export const SELECT_LINES = `SELECT line FROM log_line WHERE execution_key = ? AND seq > ? AND seq <= ? ORDER BY seq`;
export const SELECT_LINE_BYTES = `
  SELECT coalesce(sum(octet_length(line) + 1), 0) FROM log_line WHERE execution_key = ? AND seq > ? AND seq <= ?`;
/** The lines as one text, so that no line becomes a value of its own in JavaScript. */
export const SELECT_NDJSON = `
  SELECT count(*) AS lines, max(seq) AS last_seq, CAST(group_concat(line, char(10)) || char(10) AS BLOB) AS ndjson
  FROM (SELECT seq, line FROM log_line WHERE execution_key = ? AND seq > ? AND seq <= ? ORDER BY seq)`;
export const INSERT_SEALED_PAGE = `INSERT INTO log_page (execution_key, first_seq, last_seq, gzip) VALUES (?, ?, ?, ?)`;
export const SELECT_SEALED_PAGE = `
  SELECT first_seq, last_seq, gzip FROM log_page WHERE execution_key = ? AND last_seq > ? ORDER BY last_seq LIMIT 1`;
/** Without the page's bytes, which may be damaged. */
export const SELECT_PAGE_RANGE = `
  SELECT first_seq, last_seq FROM log_page WHERE execution_key = ? AND last_seq > ? ORDER BY last_seq LIMIT 1`;
export const SELECT_NEXT_SEQ = `
  SELECT min(seq) AS seq FROM (
    SELECT min(first_seq) AS seq FROM log_page WHERE execution_key = ? AND first_seq > ?
    UNION ALL SELECT min(seq) FROM log_line WHERE execution_key = ? AND seq > ?)`;
export const SELECT_SEALED_THROUGH = `SELECT coalesce(max(last_seq), 0) FROM log_page WHERE execution_key = ?`;

// spools

export const SELECT_SPOOL = `SELECT segment, position, stdout, stderr FROM spool WHERE execution_key = ?`;
export const PUT_SPOOL = `
  INSERT INTO spool (execution_key, segment, position, stdout, stderr) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (execution_key) DO UPDATE SET segment = excluded.segment, position = excluded.position,
    stdout = excluded.stdout, stderr = excluded.stderr`;
export const DELETE_SPOOL = `DELETE FROM spool WHERE execution_key = ?`;

// what was deleted at the hive

export const SELECT_KEY_OF_ATTEMPT = `SELECT key FROM attempt WHERE id = ?`;
/** Of revision 0, it is never announced, whatever is forgotten of its acknowledgements. */
export const EMPTY_ATTEMPT = `
  UPDATE attempt SET forgotten_at = coalesce(forgotten_at, @now), revision = 0, acked_revision = 0, acked_state = NULL,
    covered_by = NULL, refused = NULL, pruned = 1, title = NULL, shared_task_id = NULL, executor = '', branch = '',
    target_branch = '', container_ref = NULL, summary = NULL
  WHERE key = @key`;
/** One that is being recorded ends, which its recorder notices. */
export const EMPTY_EXECUTIONS = `
  UPDATE execution SET revision = 0, acked_revision = 0, acked_epoch = 0, acked_through = 0, pruned = 1, log_lines = 0,
    masked = 0, executor_action = NULL, before_head_commit = NULL, after_head_commit = NULL, summary = NULL, dropped = 0,
    completed_at = coalesce(completed_at, started_at), status = CASE status WHEN 'running' THEN 'killed' ELSE status END
  WHERE attempt_key = ?`;
export const DELETE_SPOOLS_OF_ATTEMPT = `
  DELETE FROM spool WHERE execution_key IN (SELECT key FROM execution WHERE attempt_key = ?)`;
export const SELECT_EXECUTION_IDS = `SELECT key, id FROM execution WHERE attempt_key = ?`;
export const SELECT_IS_FORGOTTEN = `
  SELECT EXISTS (SELECT 1 FROM execution e JOIN attempt a ON a.key = e.attempt_key
    WHERE e.id = ? AND a.forgotten_at IS NOT NULL)`;
export const SELECT_IS_ATTEMPT_FORGOTTEN = `
  SELECT EXISTS (SELECT 1 FROM attempt WHERE id = ? AND forgotten_at IS NOT NULL)`;

// status and prune

export const SELECT_STATUS = `
  SELECT (SELECT count(*) FROM attempt WHERE pruned = 0) AS attempts,
    (SELECT count(*) FROM attempt WHERE ${IS_COMPLETE} AND pruned = 0) AS complete,
    (SELECT count(*) FROM attempt WHERE revision > acked_revision) AS unacknowledged,
    (SELECT count(*) FROM attempt WHERE covered_by IS NULL AND acked_revision > 0 AND refused IS NULL) AS uncovered,
    (SELECT count(*) FROM attempt WHERE refused IS NOT NULL) AS refused,
    (SELECT count(*) FROM attempt WHERE pruned = 1 AND forgotten_at IS NULL) AS pruned,
    (SELECT count(*) FROM execution WHERE pruned = 0) AS executions,
    (SELECT count(*) FROM execution WHERE status = 'running') AS running,
    (SELECT coalesce(sum(log_lines), 0) FROM execution WHERE pruned = 0) AS log_lines,
    (SELECT count(*) FROM execution WHERE dropped = 1) AS dropped,
    (SELECT coalesce(sum(masked), 0) FROM execution) AS masked`;
export const SELECT_STANDING = `
  SELECT standing, count(*) AS attempts, sum(lines) AS lines, sum(confirmed) AS confirmed_lines FROM (
    SELECT CASE
        WHEN refused IS NOT NULL THEN refused
        WHEN ${IS_COMPLETE} THEN 'complete'
        WHEN EXISTS (SELECT 1 FROM execution e WHERE e.attempt_key = attempt.key AND e.status = 'running') THEN 'running'
        WHEN acked_revision = 0 THEN 'not_announced'
        WHEN revision > acked_revision THEN 'changed'
        ELSE acked_state END AS standing,
      (SELECT coalesce(sum(log_lines), 0) FROM execution e WHERE e.attempt_key = attempt.key) AS lines,
      (SELECT coalesce(sum(min(acked_through, log_lines)), 0) FROM execution e
        WHERE e.attempt_key = attempt.key AND acked_epoch = log_epoch) AS confirmed
    FROM attempt WHERE pruned = 0)
  GROUP BY standing ORDER BY attempts DESC`;
const PRUNABLE = `
  pruned = 0 AND refused IS NULL AND ${IS_COMPLETE} AND NOT EXISTS (
    SELECT 1 FROM execution e WHERE e.attempt_key = attempt.key
      AND (e.status = 'running' OR e.acked_epoch <> e.log_epoch OR e.acked_through <> e.log_lines))`;
export const SELECT_PRUNABLE = `
  SELECT key, id, revision, updated_at,
    (SELECT count(*) FROM execution e WHERE e.attempt_key = attempt.key) AS executions,
    (SELECT coalesce(sum(log_lines), 0) FROM execution e WHERE e.attempt_key = attempt.key) AS lines
  FROM attempt WHERE key > @after AND updated_at < @before AND ${PRUNABLE} ORDER BY key LIMIT @limit`;
export const MARK_ATTEMPT_PRUNED = `UPDATE attempt SET pruned = 1 WHERE key = @key AND revision = @revision AND ${PRUNABLE}`;
export const MARK_EXECUTIONS_PRUNED = `UPDATE execution SET pruned = 1 WHERE attempt_key = ?`;
export const SELECT_PRUNED_WITH_LINES = `
  SELECT key FROM execution e WHERE pruned = 1 AND (@attempt_key IS NULL OR attempt_key = @attempt_key) AND (
    EXISTS (SELECT 1 FROM log_page WHERE execution_key = e.key) OR EXISTS (SELECT 1 FROM log_line WHERE execution_key = e.key))`;
export const DELETE_SOME_PAGES = `
  DELETE FROM log_page WHERE rowid IN (SELECT rowid FROM log_page WHERE execution_key = @key LIMIT @limit)`;
export const DELETE_SOME_LINES = `
  DELETE FROM log_line WHERE execution_key = @key AND seq IN (
    SELECT seq FROM log_line WHERE execution_key = @key ORDER BY seq LIMIT @limit)`;
