/** How the states that the API names are shown. What a state means is the API's to say. */
import type { IconName } from './icon.js';

export type Tone = 'good' | 'bad' | 'warn' | 'running' | 'quiet';

export interface Look {
  icon: IconName;
  tone: Tone;
}

const LOOKS: Readonly<Record<string, Look | undefined>> = {
  // attempts, executions, backfills
  running: { icon: 'running', tone: 'running' },
  completed: { icon: 'check', tone: 'good' },
  failed: { icon: 'cross', tone: 'bad' },
  killed: { icon: 'stop', tone: 'warn' },
  cancelled: { icon: 'stop', tone: 'quiet' },
  timed_out: { icon: 'warning', tone: 'bad' },
  terminated: { icon: 'stop', tone: 'warn' },
  // what the hive has of an attempt, and how a backfill came out
  complete: { icon: 'check', tone: 'good' },
  partial: { icon: 'half', tone: 'warn' },
  pending_backfill: { icon: 'waiting', tone: 'running' },
  unavailable: { icon: 'barred', tone: 'bad' },
  node_offline: { icon: 'dash', tone: 'quiet' },
  // nodes
  online: { icon: 'check', tone: 'good' },
  busy: { icon: 'running', tone: 'running' },
  draining: { icon: 'waiting', tone: 'warn' },
  offline: { icon: 'dash', tone: 'quiet' },
  // keys and invitations
  valid: { icon: 'check', tone: 'good' },
  open: { icon: 'waiting', tone: 'running' },
  used: { icon: 'check', tone: 'quiet' },
  expired: { icon: 'dash', tone: 'quiet' },
  revoked: { icon: 'barred', tone: 'quiet' },
  blocked: { icon: 'barred', tone: 'bad' },
};

const UNKNOWN: Look = { icon: 'dash', tone: 'quiet' };

/** Of an attempt, in the order in which lists of them are shown. */
export const STATUSES = ['running', 'completed', 'failed', 'killed'] as const;
/** Of what the hive has of an attempt. */
export const SYNC_STATES = ['partial', 'pending_backfill', 'unavailable', 'complete'] as const;

/** A state that this console does not know, of a newer hive, is shown by its word alone. */
export const lookOf = (state: string): Look => LOOKS[state] ?? UNKNOWN;

/** @returns the API's word as people write it */
export const wordOf = (state: string): string => state.replaceAll('_', ' ');
