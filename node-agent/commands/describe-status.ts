/** The text of `node-agent status`: for someone who sees it for the first time. */
import { showBytes } from '../bytes.js';
import { counted } from '../counted.js';
import type { Standing, StandingCount } from '../store/standing.js';
import type { Status } from './status-report.js';
import { visible } from '../../protocol/terminal-line.js';

export function describeStatus(status: Status): string[] {
  return [
    row('node', `${status.name} (${status.machine_id})`),
    row('store', status.data_dir),
    ...spaceLines(status),
    row('hive', status.hive_url),
    ...connectLines(status),
    ...attemptLines(status),
    ...(status.dropped > 0
      ? [
          row(
            'lost',
            `${counted(status.dropped, 'execution')} with lines that could not be stored (\`logs\` shows where)`,
          ),
        ]
      : []),
    ...(status.masked > 0 ? [row('masked', `${counted(status.masked, 'secret')} in stored output`)] : []),
    row('prune', pruneText(status)),
    ...status.warnings.map((warning) => row('warning', warning)),
  ].map(visible);
}

function row(name: string, text: string): string {
  return `${name.padEnd(10)}  ${text}`;
}

function spaceLines({ sizes }: Status): string[] {
  const free = sizes.disk_free_bytes === null ? '' : `; the disk has ${showBytes(sizes.disk_free_bytes)} free`;
  const reusable = sizes.reusable_bytes > 0 ? `, ${showBytes(sizes.reusable_bytes)} of it free for new lines` : '';
  const spools = sizes.spool_bytes > 0 ? `, output on its way into it ${showBytes(sizes.spool_bytes)}` : '';
  return [
    row('', `database ${showBytes(sizes.database_bytes)}${reusable}${spools}${free}`),
    ...sizes.set_aside.map(({ name, bytes }) =>
      row('', `${name}: ${showBytes(bytes)}, set aside because it was damaged`),
    ),
  ];
}

function connectLines({ connect, hive_url: hiveUrl }: Status): string[] {
  const lines: string[] = [];
  if (!connect.running) {
    const since = connect.stopped_at === null ? '' : ` since ${connect.stopped_at}`;
    const killed = connect.pid !== null && connect.stopped_at === null;
    const how = killed ? ': it ended without a word (killed, or the machine stopped)' : '';
    lines.push(row('connect', `does not run${since}${how}; \`node-agent connect\` starts it`));
  } else {
    lines.push(
      row(
        'connect',
        `runs since ${connect.started_at ?? 'a moment ago'}${connect.pid === null ? '' : ` (pid ${connect.pid})`}`,
      ),
    );
    const state = connect.connected_since === null ? 'not connected now' : `connected since ${connect.connected_since}`;
    lines.push(row('', connect.hive_url === hiveUrl ? state : `${state}, to another hive: ${connect.hive_url ?? '?'}`));
  }
  if (connect.connected_since === null) {
    lines.push(
      row(
        '',
        connect.last_connected_at === null ? 'never connected' : `last connected at ${connect.last_connected_at}`,
      ),
    );
  }
  const error = connect.last_error;
  if (error) lines.push(row('', `last error at ${error.at}: ${error.reason}`));
  return lines;
}

function attemptLines(status: Status): string[] {
  const { attempts, complete, executions, running, log_lines: lines, pruned } = status;
  const rest = attempts - complete;
  const has = rest === 0 ? 'the hive has all of them in full' : `the hive has ${complete} in full and lacks ${rest}`;
  return [
    row('attempts', attempts === 0 ? 'none recorded here' : `${attempts} recorded here; ${has}`),
    ...status.standings
      .filter(({ standing }) => standing !== 'complete')
      .map((one) => row('', whyLacking(one, status))),
    ...(status.uncovered > 0
      ? [
          row(
            '',
            `${status.uncovered} confirmed a moment ago: if the connection ends now, they are announced once more`,
          ),
        ]
      : []),
    ...(pruned > 0
      ? [row('', `${pruned}${attempts === 0 ? '' : ' more'} pruned here: only the hive has their lines`)]
      : []),
    row('executions', `${executions}, ${running} of them running; ${counted(lines, 'log line')}`),
  ];
}

const WHY: Record<Exclude<Standing, 'complete' | 'not_announced' | 'changed'>, string> = {
  running: 'being recorded now: the hive gets the lines as they come',
  partial: 'known to the hive, which does not have every line yet',
  pending_backfill: 'known to the hive, which is fetching the lines now',
  unavailable:
    'given up by the hive, which could not get the lines from here; `node-agent announce --all` offers them again',
  belongs_to_another_node: 'refused: the hive has this attempt from another node (docs/execution-sync.md)',
  execution_of_another_attempt: 'refused: the hive has an execution of it as part of another attempt',
  deleted: 'deleted at the hive by an admin: about to be deleted here, too',
};

function whyLacking({ standing, attempts, lines }: StandingCount, { connect }: Status): string {
  const text =
    standing === 'not_announced' || standing === 'changed'
      ? `${standing === 'changed' ? 'changed since the hive heard of it' : 'unknown to the hive'}: ${whyUntold(connect)}`
      : WHY[standing as keyof typeof WHY];
  return `${attempts} ${text} (${counted(lines, 'line')})`;
}

function whyUntold({ running, connected_since: since }: Status['connect']): string {
  if (!running) return '`connect` does not run';
  return since === null ? 'there is no connection' : 'being announced';
}

function pruneText({ connect, automatic_prune: rule }: Status): string {
  const last = connect.last_prune ? `; last at ${connect.last_prune.at}: ${connect.last_prune.outcome}` : '';
  if (rule === null) return `by hand only (\`node-agent prune --help\`)${last}`;
  const days =
    rule.older_than_days === undefined ? [] : [`attempts older than ${counted(rule.older_than_days, 'day')}`];
  const size = rule.max_size_bytes === undefined ? [] : [`the oldest above ${showBytes(rule.max_size_bytes)}`];
  return `by \`connect\`, each hour: ${[...days, ...size].join(', ')}${last}`;
}
