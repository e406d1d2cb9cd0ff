/**
 * Log lines of about 120 bytes like those of servers and agents: a time, a level, a sentence of a few hundred, numbers
 * and a random id.
 */
import { createHash } from 'node:crypto';
import { encodeLine } from '../../protocol/page.js';

const START = Date.parse('2026-01-01T10:00:00Z');
const LEVELS = ['INFO', 'INFO', 'INFO', 'DEBUG', 'WARN', 'ERROR'];
const SUBJECTS = ['request', 'session', 'build step', 'test suite', 'container', 'migration', 'cache entry', 'upload'];
const VERBS = [
  'started by',
  'finished after',
  'was retried by',
  'timed out in',
  'is waiting for',
  'was handed over to',
];
const OBJECTS = ['the scheduler', 'the gateway', 'worker pool', 'the artifact store', 'linter', 'package registry'];
const DETAILS = ['with no changes', 'on the main branch', 'after a cold start', 'because of a lock', 'in the sandbox'];
const FILES = [
  'src/server/index.ts',
  'lib/queue/consumer.ts',
  'app/models/user.rb',
  'cmd/agent/main.go',
  'tests/api.py',
];

function pick<T>(list: readonly T[], random: number): T {
  return list[random % list.length] as T;
}

/**
 * @param page which page, so that the ids of each are its own
 * @returns line `seq` as in a page
 */
export function agentLine(page: number, seq: number, extra = ''): string {
  const random = createHash('md5').update(`${page} ${seq}`).digest();
  const at = START + page * 60_000 + seq * 53 + (random[0] ?? 0) / 16;
  const [a, b, c, d] = [1, 2, 3, 4].map((offset) => random.readUInt16LE(offset)) as [number, number, number, number];
  const text =
    `${pick(SUBJECTS, a)} ${random.toString('hex', 8, 12)} ${pick(VERBS, b)} ${pick(OBJECTS, c)} ${pick(DETAILS, d)} ` +
    `(${pick(FILES, a >> 3)}:${b % 500}) ${c % 2000} ms${extra}`;
  const content = `${new Date(at).toISOString()} ${pick(LEVELS, d >> 3)} ${text}`;
  return encodeLine({ output_type: 'stdout', content, timestamp: new Date(at).toISOString() });
}
