import type { BackfillType } from '../workflows/definitions.js';
import type { Mirror, Mirrored } from './mirror.js';
import { mirrorDescription } from './mirror-description.js';
import { mirrorLogs } from './mirror-logs.js';

/** A step at a node of protocol version 2: takes in its description of the attempt, then pulls what is missing. */
export async function mirrorByPages(mirror: Mirror, type: BackfillType): Promise<Mirrored> {
  const { changed } = type === 'logs' ? { changed: false } : await mirrorDescription(mirror);
  return { changed, finished: type === 'executions' || (await mirrorLogs(mirror)) };
}
