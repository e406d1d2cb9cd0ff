/** How long something took, or has been going on. */
import { now } from './clock.js';
import { formatDuration } from './format-time.js';

export interface DurationProps {
  /** RFC 3339; null shows a dash. */
  from: string | null;
  /** Null if the end is not known. Absent: it goes on, and the figure with it. */
  to?: string | null | undefined;
}

export function Duration({ from, to }: DurationProps) {
  if (from === null || to === null) return <span class="duration">–</span>;
  const end = to === undefined ? now.value : Date.parse(to);
  return <span class="duration">{formatDuration(end - Date.parse(from)) || '–'}</span>;
}
