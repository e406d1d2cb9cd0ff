/** The node's tables, as steps counted by PRAGMA user_version. A released step is never edited: append a new one. */
const FIRST = `
CREATE TABLE node (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  machine_id TEXT NOT NULL,
  created_at TEXT NOT NULL
);

CREATE TABLE attempt (
  key INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  revision INTEGER NOT NULL,
  acked_revision INTEGER NOT NULL DEFAULT 0,
  acked_state TEXT,
  title TEXT,
  shared_task_id TEXT,
  executor TEXT NOT NULL,
  branch TEXT NOT NULL DEFAULT '',
  target_branch TEXT NOT NULL DEFAULT '',
  container_ref TEXT,
  worktree_deleted INTEGER NOT NULL DEFAULT 0,
  setup_completed_at TEXT,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
);
CREATE INDEX attempt_unacknowledged ON attempt (key) WHERE revision > acked_revision;
CREATE INDEX attempt_incomplete ON attempt (key) WHERE acked_state IS NOT 'complete';
CREATE INDEX attempt_by_time ON attempt (created_at, id);

CREATE TABLE execution (
  key INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  attempt_key INTEGER NOT NULL REFERENCES attempt (key) ON DELETE CASCADE,
  revision INTEGER NOT NULL,
  acked_revision INTEGER NOT NULL DEFAULT 0,
  acked_epoch INTEGER NOT NULL DEFAULT 0,
  acked_through INTEGER NOT NULL DEFAULT 0,
  run_reason TEXT NOT NULL,
  executor_action TEXT,
  before_head_commit TEXT,
  after_head_commit TEXT,
  status TEXT NOT NULL DEFAULT 'running',
  exit_code INTEGER,
  dropped INTEGER NOT NULL DEFAULT 0,
  pid INTEGER,
  started_at TEXT NOT NULL,
  completed_at TEXT,
  created_at TEXT NOT NULL,
  log_lines INTEGER NOT NULL DEFAULT 0,
  log_epoch INTEGER NOT NULL DEFAULT 1,
  recorder_pid INTEGER NOT NULL,
  recorder_started TEXT NOT NULL
);
CREATE INDEX execution_by_time ON execution (attempt_key, created_at, id);
CREATE INDEX execution_unacknowledged ON execution (attempt_key) WHERE revision > acked_revision;
CREATE INDEX execution_running ON execution (key) WHERE status = 'running';

CREATE TABLE log_line (
  execution_key INTEGER NOT NULL REFERENCES execution (key) ON DELETE CASCADE,
  seq INTEGER NOT NULL,
  line TEXT NOT NULL,
  PRIMARY KEY (execution_key, seq)
) WITHOUT ROWID;
`;

/** The id that the hive has for this node: acknowledgements count for that hive only. */
const HIVE_NODE = `ALTER TABLE node ADD COLUMN hive_node_id TEXT;`;

/**
 * Full pages, in the form in which they are sent. Lines of a running execution that do not fill a page stay in
 * log_line.
 */
const SEALED_PAGES = `
CREATE TABLE log_page (
  execution_key INTEGER NOT NULL REFERENCES execution (key) ON DELETE CASCADE,
  first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  gzip BLOB NOT NULL,
  PRIMARY KEY (execution_key, last_seq)
);
`;

/** When the hive acknowledged that the attempt had become complete; ms since the epoch. */
const COMPLETED_AT = `ALTER TABLE attempt ADD COLUMN completed_at INTEGER;`;

/**
 * The hive's markers, in the order in which they came, and which of them covers an attempt's acknowledgement: none while
 * `covered_by` is null. `refused`: why the hive takes nothing of the attempt. `pruned`: the lines were removed; of an
 * attempt: of all its executions.
 */
const MARKERS_REFUSED_PRUNED = `
CREATE TABLE marker (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE
);
ALTER TABLE attempt ADD COLUMN covered_by INTEGER;
ALTER TABLE attempt ADD COLUMN refused TEXT;
ALTER TABLE attempt ADD COLUMN pruned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE execution ADD COLUMN pruned INTEGER NOT NULL DEFAULT 0;
CREATE INDEX attempt_covered ON attempt (covered_by);
`;

/** Whether the recorder holds a lock (recorder-lock.ts). Recorders of earlier versions are known by their pid only. */
const RECORDER_LOCKS = `ALTER TABLE execution ADD COLUMN recorder_locks INTEGER NOT NULL DEFAULT 0;`;

/**
 * How far an execution's spool (recorder/spool-frames.ts) is in the store: the next frame, and the output before it that
 * no newline has ended. Goes with the execution's end.
 */
const SPOOL = `
CREATE TABLE spool (
  execution_key INTEGER PRIMARY KEY REFERENCES execution (key) ON DELETE CASCADE,
  segment INTEGER NOT NULL,
  position INTEGER NOT NULL,
  stdout BLOB NOT NULL,
  stderr BLOB NOT NULL
);
`;

/**
 * What agents' own streams told: of an execution, with what is needed to go on reading (summary/execution-summary.ts); of
 * an attempt, as the hive gets it. `masked`: how many secrets were masked in the execution's output.
 */
const SUMMARY_AND_MASKED = `
ALTER TABLE attempt ADD COLUMN summary TEXT;
ALTER TABLE execution ADD COLUMN summary TEXT;
ALTER TABLE execution ADD COLUMN masked INTEGER NOT NULL DEFAULT 0;
`;

/** When the attempt was deleted because it was deleted at the hive: nothing but its ids is left. */
const FORGOTTEN = `ALTER TABLE attempt ADD COLUMN forgotten_at TEXT;`;

export const MIGRATIONS: readonly string[] = [
  FIRST,
  HIVE_NODE,
  SEALED_PAGES,
  COMPLETED_AT,
  RECORDER_LOCKS,
  MARKERS_REFUSED_PRUNED,
  SPOOL,
  SUMMARY_AND_MASKED,
  FORGOTTEN,
];
