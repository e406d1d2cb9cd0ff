import { expect, test } from '@jest/globals';
import { NEXT_CODES } from '../schemas/attempt.js';
import { whatNext, type Situation } from './what-next.js';

const partial: Situation = {
  state: 'partial',
  needsBackfill: true,
  paused: false,
  retryAt: null,
  unavailableReason: null,
  allEnded: true,
  nodeName: 'build-7',
  nodeStatus: 'online',
};
const offline = { nodeStatus: 'offline' };
const inAMinute = new Date(Date.now() + 60_000);
const aMinuteAgo = new Date(Date.now() - 60_000);

const SITUATIONS: readonly [code: string, situation: Partial<Situation>, sentence: RegExp][] = [
  ['nothing_missing', { state: 'complete', needsBackfill: false }, /every line/],
  ['nothing_missing', { state: 'complete', needsBackfill: false, ...offline }, /every line/],
  ['will_not_come', { state: 'unavailable', unavailableReason: 'not_found' }, /will not come: the node no longer has/],
  ['backfill_running', { state: 'pending_backfill' }, /under way/],
  ['backfill_waits_for_node', { state: 'pending_backfill', ...offline }, /waits for node build-7 to return/],
  ['held', { paused: true }, /cancelled.*until somebody starts one/],
  ['held', { paused: true, ...offline }, /cancelled/],
  ['waits_for_node', offline, /What is missing comes when node build-7 returns/],
  ['waits_for_node', { ...offline, retryAt: inAMinute }, /when node build-7 returns/],
  ['waits_for_node', { ...offline, needsBackfill: false, allEnded: false }, /printed since then comes when/],
  ['lines_arrive_live', { needsBackfill: false, allEnded: false }, /arrive as they are printed/],
  ['set_aside', { needsBackfill: false }, /could not be stored/],
  ['set_aside', { needsBackfill: false, ...offline }, /could not be stored/],
  ['backfill_after_retry_at', { retryAt: inAMinute }, /starts by itself after a pause/],
  ['backfill_soon', { retryAt: aMinuteAgo }, /within a minute/],
  ['backfill_soon', { allEnded: false }, /within a minute/],
];

test.each(SITUATIONS)('%s: %j', (code, situation, sentence) => {
  const next = whatNext({ ...partial, ...situation });
  expect(next.code).toBe(code);
  expect(next.sentence).toMatch(sentence);
});

test('each code has a situation', () => {
  expect(new Set(SITUATIONS.map(([code]) => code))).toEqual(new Set(NEXT_CODES));
});
