/** What `node-agent status --json` prints. */
import type { StandingCount } from '../store/standing.js';

export interface Counts {
  attempts: number;
  complete: number;
  unacknowledged: number;
  /** Acknowledged a moment ago: if the connection ends now, they are announced again. */
  uncovered: number;
  refused: number;
  /** Attempts whose lines were pruned: only their descriptions are left. */
  pruned: number;
  executions: number;
  running: number;
  log_lines: number;
  /** Executions with lines that could not be stored. */
  dropped: number;
  /** Secrets masked in stored output. */
  masked: number;
}

/** Times are RFC 3339 in UTC. */
export interface Status extends Counts {
  machine_id: string;
  name: string;
  data_dir: string;
  hive_url: string;
  standings: StandingCount[];
  sizes: {
    database_bytes: number;
    reusable_bytes: number;
    spool_bytes: number;
    set_aside: { name: string; bytes: number }[];
    disk_free_bytes: number | null;
  };
  connect: {
    /** Known by a lock, so it is true even after a kill -9. */
    running: boolean;
    pid: number | null;
    /** The hive that it was started for. */
    hive_url: string | null;
    started_at: string | null;
    stopped_at: string | null;
    connected_since: string | null;
    last_connected_at: string | null;
    last_error: { at: string; reason: string } | null;
    last_prune: { at: string; outcome: string } | null;
  };
  automatic_prune: { older_than_days?: number | undefined; max_size_bytes?: number | undefined } | null;
  warnings: string[];
}
