import { hiveInfo } from '../hive/session.js';

/** The hive signed the browser in, which then came without a cookie. */
export function cookieLost(): Error {
  const reached = hiveInfo.peek()?.public_url ?? undefined;
  // a hive that people reach by https sets cookies for https only
  const isElsewhere = reached !== undefined && new URL(reached).origin !== location.origin;
  return new Error(
    isElsewhere
      ? `This browser kept no cookie of this address. Open the console at ${reached}`
      : 'This browser kept no cookie. Allow this address to set cookies, or delete the ones it has.',
  );
}
