/** Whether a credential or an invitation still works, for people. */
import { green, red, yellow } from './colour.js';
import type { Cell } from './table.js';
import { age } from './time.js';

export interface Credential {
  revoked_at: string | null;
  expires_at?: string | null;
  blocked_at?: string | null;
}

export function standingCell({ revoked_at: revoked, expires_at: expires, blocked_at: blocked }: Credential): Cell {
  if (revoked !== null) return { text: 'revoked', paint: red };
  if (blocked) return { text: 'blocked', paint: yellow };
  if (!expires) return { text: 'works', paint: green };
  if (Date.parse(expires) <= new Date().getTime()) return { text: 'expired', paint: red };
  return { text: `until ${expires.slice(0, 10)}`, paint: green };
}

/** @returns how long ago it was */
export function agoText(time: string | null): string {
  return time === null ? '-' : age(time);
}
