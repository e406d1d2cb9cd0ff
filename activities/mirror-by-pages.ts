import type { Mirror, Mirrored } from './mirror.js';
import { mirrorDescription } from './mirror-description.js';
import { mirrorLogs } from './mirror-logs.js';

/** A step at a node of protocol version 2: takes in its description of the attempt, then pulls what is missing. */
export async function mirrorByPages(mirror: Mirror, withLogs: boolean): Promise<Mirrored> {
  const { changed } = await mirrorDescription(mirror);
  return { changed, finished: !withLogs || (await mirrorLogs(mirror)) };
}
