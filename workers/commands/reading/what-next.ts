import type { Schemas } from './api.js';
import { shortText } from './attempt-text.js';
import { timeText } from './time.js';

/** @returns what the hive says that happens next to its copy of an attempt, and which command does something about it */
export function whatNext({ attempt, sync }: Schemas['AttemptDetail']): string {
  const why = sync.last_error === null ? '' : ` The last backfill ended with: ${shortText(sync.last_error)}.`;
  const start = `hive backfill ${attempt.id} starts one now.`;
  const says = shortText(sync.next.sentence);
  switch (sync.next.code) {
    case 'nothing_missing':
    case 'will_not_come':
      return says;
    case 'backfill_running':
    case 'backfill_waits_for_node': {
      const page = sync.workflow_url === null ? '' : ` (${shortText(sync.workflow_url)})`;
      return `${says}${page} hive backfills --attempt ${attempt.id} follows it.`;
    }
    case 'waits_for_node':
      return says + why;
    case 'lines_arrive_live':
      return `${says} hive logs -f ${attempt.id.slice(0, 8)} follows them.`;
    case 'backfill_after_retry_at': {
      const when = sync.retry_at === null ? '' : `It starts after ${timeText(sync.retry_at)}; `;
      return `${says} ${when}${start}${why}`;
    }
    case 'held':
    case 'set_aside':
    case 'backfill_soon':
      return `${says} ${start}${why}`;
  }
}
