import { HiveApiError } from '../../api/client/client.js';

/** @returns whether no hive answered; the frame of the page says so, too */
export const isAway = (error: Error): boolean => error instanceof TypeError; // fetch's; its message differs from browser to browser

/** @returns whether what was asked for is not there: whoever asks again learns the same */
export const isGone = (error: Error): boolean => error instanceof HiveApiError && error.status === 404;

/** What went wrong, for people. The hive's own errors say it themselves. */
export function errorWords(error: Error): string {
  if (isAway(error)) return 'No hive answers. It may be restarting, or the network is away.';
  return error.message;
}
