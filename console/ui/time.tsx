/** A moment, as the API tells it. */
import { now } from './clock.js';
import { formatAgo, formatMoment } from './format-time.js';
import { visible } from './visible.js';

export interface TimeProps {
  /** RFC 3339; null shows a dash. */
  at: string | null;
  /** How long ago (the default), or date and time of day. The other one is in the title. */
  as?: 'ago' | 'moment';
}

export function Time({ at, as = 'ago' }: TimeProps) {
  if (at === null) return <span class="time">–</span>;
  const ms = Date.parse(at);
  if (Number.isNaN(ms)) return <span class="time">{visible(at)}</span>;
  const moment = formatMoment(ms);
  return (
    <time class="time" dateTime={at} title={`${moment} (${at})`}>
      {as === 'ago' ? formatAgo(ms, now.value) : moment}
    </time>
  );
}
