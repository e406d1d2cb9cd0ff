/** Times and durations in words and figures, without the page. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Clocks of nodes differ from the reader's: what is this little ahead is now. */
const SKEW = MINUTE;

/** @returns for example `12 s ago`, `3 h ago`, `in 5 min`; after a week the day */
export function formatAgo(at: number, now: number): string {
  const past = now - at;
  if (Number.isNaN(past)) return '';
  if (past < -SKEW) return past > -7 * DAY ? `in ${inOneUnit(-past)}` : formatDay(at, now);
  if (past < 5 * SECOND) return 'just now';
  return past < 7 * DAY ? `${inOneUnit(past)} ago` : formatDay(at, now);
}

function inOneUnit(ms: number): string {
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`;
  return ms < 2 * DAY ? `${Math.floor(ms / HOUR)} h` : `${Math.floor(ms / DAY)} d`;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

/** @returns `12 Nov`, with the year if it is another one than now */
function formatDay(at: number, now: number): string {
  const date = new Date(at);
  const day = `${date.getDate()} ${MONTHS[date.getMonth()]}`;
  return date.getFullYear() === new Date(now).getFullYear() ? day : `${day} ${date.getFullYear()}`;
}

const two = (value: number): string => String(value).padStart(2, '0');

/** @returns date and time of day where the reader is: `2026-11-27 07:18:56` */
export function formatMoment(at: number): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return '';
  const day = `${String(date.getFullYear()).padStart(4, '0')}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** @returns for example `0.4 s`, `12 s`, `3 min 20 s`, `2 h 05 min`, `3 d 4 h` */
export function formatDuration(ms: number): string {
  if (Number.isNaN(ms)) return '';
  const length = Math.max(0, ms);
  if (length < 10 * SECOND) return `${(Math.floor(length / 100) / 10).toFixed(1)} s`;
  if (length < MINUTE) return `${Math.floor(length / SECOND)} s`;
  if (length < HOUR) return `${Math.floor(length / MINUTE)} min ${two(Math.floor((length % MINUTE) / SECOND))} s`;
  if (length < DAY) return `${Math.floor(length / HOUR)} h ${two(Math.floor((length % HOUR) / MINUTE))} min`;
  return `${Math.floor(length / DAY)} d ${Math.floor((length % DAY) / HOUR)} h`;
}
